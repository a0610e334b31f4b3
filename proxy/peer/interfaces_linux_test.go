package peer

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestInterfaces(t *testing.T) {
	n := testkit.NewNetwork(t)
	for _, add := range [][]string{
		{"br-0123456789ab", "type", "bridge"}, {"br0", "type", "bridge"},
	} {
		n.Host.IP(append([]string{"link", "add", "name"}, add...)...)
	}
	n.Host.IP("tuntap", "add", "dev", "office", "mode", "tun")
	n.Host.IP("addr", "add", "10.5.0.1", "peer", "10.5.0.9/32", "dev", "br0")
	var all []Interface
	n.Host.Do(func() {
		var err error
		if all, err = Interfaces(); err != nil {
			t.Fatal(err)
		}
	})
	for name, want := range map[string]struct {
		kind     Kind
		up       bool
		own      string
		networks string
	}{
		"lo":              {Loopback, true, "127.0.0.1", "127.0.0.0/8"},
		n.Link:            {Veth, true, "10.99.0.1", "10.99.0.0/24"},
		"br-0123456789ab": {Container, false, "", ""},
		"br0":             {Plain, false, "10.5.0.1", "10.5.0.9/32"},
		"office":          {VPN, false, "", ""},
	} {
		i := slices.IndexFunc(all, func(in Interface) bool { return in.Name == name })
		if i < 0 {
			t.Errorf("%s is missing", name)
			continue
		}
		in := all[i]
		if in.Kind != want.kind || in.Up != want.up || in.Index == 0 {
			t.Errorf("%s: %+v", name, in)
		}
		if want.own != "" && (!slices.Contains(in.Own, netip.MustParseAddr(want.own)) ||
			!slices.Contains(in.Networks, netip.MustParsePrefix(want.networks))) {
			t.Errorf("%s: addresses %v, networks %v", name, in.Own, in.Networks)
		}
	}
	n.Host.Do(func() {
		own, err := OwnAddresses()
		if err != nil || !slices.Contains(own, n.Host4) || !slices.Contains(own, n.Host6) {
			t.Errorf("own addresses are %v, %v", own, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, request := range []int{unix.RTM_GETLINK, unix.RTM_GETADDR} {
		messages, err := ribMessages(request)
		if err != nil {
			f.Fatal(err)
		}
		for i := range messages {
			f.Add(messages[i].Header.Type, messages[i].Data)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		m := syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: kind}, Data: data}
		decodeLink(&m)
		if _, own, network, ok := decodeAddress(&m); ok && (!own.IsValid() || !network.IsValid()) {
			t.Errorf("address %v in %v", own, network)
		}
		packetInfo(data)
	})
}

func TestZoneOf(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.Do(func() {
		for _, tc := range []struct {
			addr, ingress string
			want          flow.Zone
		}{
			{"::ffff:127.0.0.1", "", flow.ZoneLoopback},
			{"10.99.0.1", "", flow.ZoneSelf},
			{"fd99::2", n.Link, flow.ZoneContainer},
			{"10.99.0.2", "lo", flow.ZoneLAN},
		} {
			if got, err := ZoneOf(netip.MustParseAddr(tc.addr), tc.ingress); err != nil || got != tc.want {
				t.Errorf("%s by %q is %v, %v; want %v", tc.addr, tc.ingress, got, err, tc.want)
			}
		}
		if _, err := ZoneOf(n.Remote4, "none0"); err == nil {
			t.Error("an interface that does not exist has no error")
		}
	})
}
