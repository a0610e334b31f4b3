package peer

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func iface(index int, name string, kind Kind, addresses ...string) Interface {
	in := Interface{Index: index, Name: name, Kind: kind, Up: true}
	for _, a := range addresses {
		p := netip.MustParsePrefix(a)
		in.Own = append(in.Own, p.Addr())
		in.Networks = append(in.Networks, p.Masked())
	}
	return in
}

// laptop has a bit of everything.
func laptop() []Interface {
	ppp := iface(7, "ppp0", VPN, "10.200.0.2/32")
	ppp.Networks = []netip.Prefix{netip.MustParsePrefix("10.200.0.1/32")}
	return []Interface{
		iface(1, "lo", Loopback, "127.0.0.1/8", "::1/128", "10.98.0.1/24"),
		iface(2, "eth0", Plain, "192.168.1.10/24", "2001:db8:1::10/64", "fe80::10/64"),
		iface(3, "docker0", Container, "172.17.0.1/16"),
		iface(4, "wg0", VPN, "10.8.0.2/24", "198.51.100.2/24"),
		iface(5, "veth1", Veth, "10.99.0.1/24"),
		iface(6, "eth1", Plain, "203.0.113.5/24"),
		ppp,
		iface(8, "cali0", Container),
	}
}

func TestZone(t *testing.T) {
	for _, tc := range []struct {
		addr    string
		ingress string
		want    flow.Zone
	}{
		{"127.0.0.1", "lo", flow.ZoneLoopback},
		{"127.9.9.9", "eth0", flow.ZoneLoopback}, // a claim: whether it is true is a matter of proof
		{"::1", "", flow.ZoneLoopback},
		{"192.168.1.10", "eth0", flow.ZoneSelf},
		{"2001:db8:1::10", "", flow.ZoneSelf},
		{"fe80::10", "eth0", flow.ZoneSelf},
		{"10.98.0.77", "lo", flow.ZoneSelf},
		{"10.200.0.2", "ppp0", flow.ZoneSelf},

		{"172.17.0.5", "docker0", flow.ZoneContainer},
		{"172.17.0.5", "", flow.ZoneContainer},
		{"172.17.0.5", "eth0", flow.ZoneLAN}, // it did not come from there
		{"192.168.7.7", "docker0", flow.ZoneContainer},
		{"fe80::5", "docker0", flow.ZoneContainer},
		{"192.0.2.9", "docker0", flow.ZonePublic},
		{"10.1.2.3", "cali0", flow.ZoneContainer},
		{"10.99.0.2", "veth1", flow.ZoneContainer},
		{"192.168.7.7", "veth1", flow.ZoneLAN}, // beyond this container's own network
		{"192.0.2.9", "veth1", flow.ZonePublic},

		{"10.8.0.9", "wg0", flow.ZoneVPN},
		{"10.8.0.9", "", flow.ZoneVPN},
		{"198.51.100.9", "wg0", flow.ZoneVPN}, // a public network that is the tunnel's own
		{"10.77.0.1", "wg0", flow.ZoneVPN},    // routed through it
		{"192.0.2.9", "wg0", flow.ZonePublic}, // the Internet by way of a provider
		{"10.200.0.1", "ppp0", flow.ZoneVPN},
		{"10.200.0.1", "", flow.ZoneVPN},

		{"169.254.3.3", "eth0", flow.ZoneLinkLocal},
		{"fe80::77", "", flow.ZoneLinkLocal},
		{"192.168.1.77", "eth0", flow.ZoneLAN},
		{"10.0.0.1", "", flow.ZoneLAN},
		{"172.31.0.1", "eth0", flow.ZoneLAN},
		{"fd12::1", "eth0", flow.ZoneLAN},
		{"100.64.0.1", "eth0", flow.ZoneLAN},
		{"100.128.0.1", "eth0", flow.ZonePublic},
		{"203.0.113.77", "eth1", flow.ZoneLAN}, // directly connected
		{"203.0.113.77", "eth0", flow.ZonePublic},
		{"2001:db8:1::77", "eth0", flow.ZoneLAN},
		{"172.32.0.1", "eth0", flow.ZonePublic},
		{"192.0.2.7", "", flow.ZonePublic},
		{"2001:db8:2::1", "eth0", flow.ZonePublic},
	} {
		s := newSnapshot(laptop(), time.Now())
		var in *Interface
		for i := range s.interfaces {
			if s.interfaces[i].Name == tc.ingress {
				in = &s.interfaces[i]
			}
		}
		if got := s.zone(netip.MustParseAddr(tc.addr), in); got != tc.want {
			t.Errorf("%s by %q is %v, want %v", tc.addr, tc.ingress, got, tc.want)
		}
	}
}

func TestZoneWithoutInterfaces(t *testing.T) {
	s := newSnapshot(nil, time.Now())
	for addr, want := range map[string]flow.Zone{
		"127.0.0.1": flow.ZoneLoopback, "10.0.0.1": flow.ZoneLAN, "fe80::1": flow.ZoneLinkLocal, "192.0.2.1": flow.ZonePublic,
	} {
		if got := s.zone(netip.MustParseAddr(addr), nil); got != want {
			t.Errorf("%s is %v, want %v", addr, got, want)
		}
	}
}

func TestKindOf(t *testing.T) {
	for _, tc := range []struct {
		name, link string
		want       Kind
	}{
		{"eth0", "", Plain}, {"wlan0", "", Plain}, {"br0", "bridge", Plain}, {"br-lan", "bridge", Plain}, {"bond0", "bond", Plain},
		{"dummy0", "dummy", Plain}, {"eth0.7", "vlan", Plain},
		{"docker0", "bridge", Container}, {"br-0123456789ab", "bridge", Container}, {"br-0123456789ag", "bridge", Plain},
		{"podman1", "bridge", Container}, {"cni-podman0", "bridge", Container}, {"cni0", "bridge", Container},
		{"lxdbr0", "bridge", Container}, {"virbr0", "bridge", Container}, {"cali1a2b3c", "veth", Container},
		{"vEthernet (WSL)", "", Container},
		{"vethd00f", "veth", Veth}, {"eth0", "veth", Veth},
		{"wg0", "wireguard", VPN}, {"office", "wireguard", VPN}, {"tun0", "tun", VPN}, {"tailscale0", "tun", VPN},
		{"ppp0", "ppp", VPN}, {"utun4", "", VPN}, {"tunl0", "ipip", VPN}, {"CloudflareWARP", "tun", VPN},
	} {
		if got := kindOf(tc.name, tc.link); got != tc.want {
			t.Errorf("%s (%s) is %v, want %v", tc.name, tc.link, got, tc.want)
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	all := laptop()
	all[5].Up = false // eth1: what is down cannot be bound
	var got []string
	for _, a := range ownAddresses(all) {
		got = append(got, a.String())
	}
	want := []string{
		"10.8.0.2", "10.98.0.1", "10.99.0.1", "10.200.0.2", "172.17.0.1", "192.168.1.10", "198.51.100.2",
		"2001:db8:1::10", "fe80::10%2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// reader counts how often the interfaces are read.
type reader struct {
	times int
	all   []Interface
	err   error
}

func (r *reader) read() ([]Interface, error) {
	r.times++
	return r.all, r.err
}

func TestViewIsRenewedByWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{all: laptop()}
		v, err := newView(r.read)
		if err != nil {
			t.Fatal(err)
		}
		own, stranger, loopback := netip.MustParseAddr("192.168.1.10"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")
		for _, step := range []struct {
			name  string
			wait  time.Duration
			addr  netip.Addr
			index int
			want  int
		}{
			{"new enough", 0, stranger, 2, 1},
			{"a stranger, a second later", time.Second, stranger, 2, 2},
			{"strangers do not make it read all the time", 0, stranger, 99, 2},
			{"an own address is taken for it", 2 * time.Second, own, 2, 2},
			{"but not for ever", 3 * time.Second, own, 2, 3},
			{"loopback needs nothing", time.Hour, loopback, 1, 3},
			{"an interface that is not known", 0, loopback, 99, 4},
		} {
			<-time.After(step.wait)
			for range 100 {
				v.get(step.addr, step.index)
			}
			if r.times != step.want {
				t.Errorf("%s: read %d times, want %d", step.name, r.times, step.want)
			}
		}
	})
}

func TestViewKeepsWhatItHasWhenReadingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{all: laptop()}
		v, err := newView(r.read)
		if err != nil {
			t.Fatal(err)
		}
		r.err, r.all = errors.New("no"), nil
		<-time.After(time.Minute)
		own := netip.MustParseAddr("192.168.1.10")
		s, in := v.get(own, 2)
		if !s.isOwn(own) || in == nil || in.Name != "eth0" {
			t.Error("the interfaces are forgotten")
		}
		if v.get(own, 2); r.times != 2 {
			t.Errorf("read %d times, want 2", r.times)
		}
	})
}

func TestNewTellsWhatIsMissing(t *testing.T) {
	id, err := New(Config{Interfaces: func() ([]Interface, error) { return nil, errors.New("not allowed") }})
	if err != nil {
		t.Fatal(err)
	}
	defer id.Close() //nolint:errcheck // nothing was written
	if m := id.Missing(); len(m) == 0 || m[0] != "this host's interfaces cannot be read (not allowed): zones are told by "+
		"address only; allow netlink sockets" {
		t.Errorf("missing: %q", m)
	}
}
