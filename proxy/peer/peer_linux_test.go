package peer

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

func TestLocalPeersAreProven(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.IP("addr", "add", "fe80::99/64", "dev", n.Link, "nodad")
	n.Host.IP("addr", "add", "10.98.0.1/24", "dev", "lo")
	own4, own6 := n.Host4.String(), n.Host6.String()
	lo := want{flow.ZoneLoopback, flow.ProofIngress, "lo"}
	self := want{flow.ZoneSelf, flow.ProofSocket, n.Link}
	selfByLo := want{flow.ZoneSelf, flow.ProofIngress, "lo"}
	for _, tc := range []struct {
		name, network, listen string
		client                client
		want                  want
	}{
		{"IPv4", "tcp4", "127.0.0.1", client{to: "127.0.0.1"}, lo},
		{"IPv4, another loopback address", "tcp4", "127.0.0.1", client{to: "127.0.0.1", from: "127.4.5.6"}, lo},
		{"IPv4, wildcard", "tcp4", "0.0.0.0", client{to: "127.0.0.1"}, lo},
		{"IPv4 by an IPv6 socket", "tcp4", "127.0.0.1", client{to: "127.0.0.1", mapped: true}, lo},
		{"IPv4 bound to lo", "tcp4", "127.0.0.1", client{to: "127.0.0.1", device: "lo"}, lo},
		{"IPv6", "tcp6", "::1", client{to: "::1"}, lo},
		{"IPv6, wildcard", "tcp6", "::", client{to: "::1"}, lo},
		{"dual stack, IPv4", "tcp", "::", client{to: "127.0.0.1"}, lo},
		{"dual stack, IPv4 by an IPv6 socket", "tcp", "::", client{to: "127.0.0.1", mapped: true}, lo},
		{"dual stack, IPv6", "tcp", "::", client{to: "::1"}, lo},
		{"own IPv4", "tcp4", "0.0.0.0", client{to: own4}, self},
		{"own IPv4 to loopback", "tcp4", "127.0.0.1", client{to: "127.0.0.1", from: own4}, selfByLo},
		{"own IPv4, loopback as source", "tcp4", own4, client{to: own4, from: "127.0.0.1"}, want{flow.ZoneLoopback, flow.ProofSocket, n.Link}},
		{"own IPv4, dual stack", "tcp", "::", client{to: own4}, self},
		{"own IPv4, dual stack, by an IPv6 socket", "tcp", "::", client{to: own4, mapped: true}, self},
		{"own IPv6", "tcp6", "::", client{to: own6}, self},
		{"own IPv6 to loopback", "tcp6", "::1", client{to: "::1", from: own6}, selfByLo},
		{"own link-local", "tcp6", "::", client{to: "fe80::99%" + n.Link}, self},
		{"network of lo", "tcp4", "0.0.0.0", client{to: "10.98.0.77"}, selfByLo},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n.Host.Do(func() {
				id := newIdentifier(t)
				l := listen(t, id, tc.network, net.JoinHostPort(tc.listen, "0"))
				p, o, _ := id.Identify(tc.client.connect(t, l))
				tc.want.check(t, p)
				if !reflect.DeepEqual(o, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 0, User: "root"}) {
					t.Errorf("origin %+v", o)
				}
				if p.Disguised() || !p.Local() {
					t.Error("peer is not taken for local")
				}
			})
		})
	}
}

func TestRemotePeersAreNot(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.IP("addr", "add", "fe80::99/64", "dev", n.Link, "nodad")
	n.Remote.IP("addr", "add", "fe80::98/64", "dev", n.Link, "nodad")
	n.Remote.IP("addr", "add", "203.0.113.7/32", "dev", "lo")
	n.Host.IP("route", "add", "203.0.113.7/32", "via", n.Remote4.String())
	container := want{flow.ZoneContainer, flow.ProofNone, n.Link}
	for _, tc := range []struct {
		name, network, listen string
		client                client
		want                  want
	}{
		{"IPv4", "tcp4", "0.0.0.0", client{to: n.Host4.String()}, container},
		{"IPv4, dual stack", "tcp", "::", client{to: n.Host4.String()}, container},
		{"IPv6", "tcp6", "::", client{to: n.Host6.String()}, container},
		{"link-local", "tcp6", "::", client{to: "fe80::99%" + n.Link}, container},
		{"public", "tcp4", "0.0.0.0", client{to: n.Host4.String(), from: "203.0.113.7"},
			want{flow.ZonePublic, flow.ProofNone, n.Link}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var id *Identifier
			var l net.Listener
			n.Host.Do(func() {
				id = newIdentifier(t)
				l = listen(t, id, tc.network, net.JoinHostPort(tc.listen, "0"))
			})
			n.Remote.Do(func() { _ = tc.client.hold(t, l) })
			n.Host.Do(func() {
				p, o, _ := id.Identify(accept(t, l))
				tc.want.check(t, p)
				if !reflect.DeepEqual(o, flow.Origin{}) {
					t.Errorf("origin %+v of a remote peer", o)
				}
			})
		})
	}
}

// Packets that came in by the wire and were rewritten to carry a local source: route_localnet, DNAT and SNAT.
// (There is no case for ::1: the kernel drops what comes for it from a wire, also after DNAT.)
func TestDisguisedPeersAreNotProven(t *testing.T) {
	for _, tc := range []struct {
		name, network, listen string
		family, to, source    string
		zone                  flow.Zone
	}{
		{"wildcard door", "tcp4", "0.0.0.0", "ip", "127.0.0.1", "127.0.0.9", flow.ZoneLoopback},
		{"dual-stack door", "tcp", "::", "ip", "127.0.0.1", "127.0.0.9", flow.ZoneLoopback},
		{"loopback door", "tcp4", "127.0.0.1", "ip", "127.0.0.1", "127.0.0.9", flow.ZoneLoopback},
		{"loopback door, source 127.0.0.1", "tcp4", "127.0.0.1", "ip", "127.0.0.1", "127.0.0.1", flow.ZoneLoopback},
		{"own address", "tcp4", "0.0.0.0", "ip", "10.99.0.1", "10.99.0.1", flow.ZoneSelf},
		{"own address, IPv6", "tcp6", "::", "ip6", "fd99::1", "fd99::1", flow.ZoneSelf},
	} {
		t.Run(tc.name, func(t *testing.T) {
			testkit.Need(t, "nft")
			n := testkit.NewNetwork(t)
			var id *Identifier
			var l net.Listener
			n.Host.Do(func() {
				id = newIdentifier(t)
				l = listen(t, id, tc.network, net.JoinHostPort(tc.listen, "0"))
			})
			disguise(n, tc.family, netip.AddrPortFrom(netip.MustParseAddr(tc.to), portOf(l)), tc.source)
			at := n.Host4
			if tc.family == "ip6" {
				at = n.Host6
			}
			n.Remote.Do(func() {
				fd := client{to: at.String()}.dial(t, 7000)
				t.Cleanup(func() { _ = unix.Close(fd) })
			})
			n.Host.Do(func() {
				p, o, _ := id.Identify(accept(t, l))
				want{tc.zone, flow.ProofNone, n.Link}.check(t, p)
				if !p.Disguised() || p.Addr.Addr().String() != tc.source {
					t.Errorf("peer %+v should be disguised as %s", p, tc.source)
				}
				if !reflect.DeepEqual(o, flow.Origin{}) {
					t.Errorf("origin %+v of a remote peer", o)
				}
			})
		})
	}
}

// disguise sends what comes to port 7000 by the wire to a local address, with a local source.
func disguise(n *testkit.Network, family string, to netip.AddrPort, source string) {
	for _, name := range []string{"all", n.Link} {
		n.Host.Run("sysctl", "-qw", "net.ipv4.conf."+name+".route_localnet=1", "net.ipv4.conf."+name+".rp_filter=0")
	}
	n.Host.Run("nft", "add table "+family+" nat; "+
		"add chain "+family+" nat pre { type nat hook prerouting priority -100; }; "+
		"add chain "+family+" nat in { type nat hook input priority 100; }; "+
		"add rule "+family+" nat pre iifname "+n.Link+" tcp dport 7000 dnat to "+to.String()+"; "+
		"add rule "+family+" nat in iifname "+n.Link+" snat to "+source)
}

// hold connects to a listener and leaves the connection open until the test's end.
func (c client) hold(t *testing.T, l net.Listener) int {
	t.Helper()
	fd := c.dial(t, portOf(l))
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func TestClientsOfOtherUsers(t *testing.T) {
	testkit.NeedRoot(t)
	id := newIdentifier(t)
	l := listen(t, id, "tcp4", "127.0.0.1:0")
	for uid, name := range map[int]string{65534: "nobody", 4_000_000_123: ""} {
		as(t, uid, func() { client{to: "127.0.0.1"}.hold(t, l) })
		p, o, _ := id.Identify(accept(t, l))
		want{flow.ZoneLoopback, flow.ProofIngress, "lo"}.check(t, p)
		if !reflect.DeepEqual(o, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uint32(uid), User: name}) {
			t.Errorf("origin of user %d: %+v", uid, o)
		}
	}
}

func TestClientInAChildOfAnotherUser(t *testing.T) {
	testkit.NeedRoot(t)
	bash := testkit.Program(t, "bash")
	id := newIdentifier(t)
	l := listen(t, id, "tcp4", "127.0.0.1:0")
	cmd := exec.Command(bash, "-c", fmt.Sprintf("exec 3<>/dev/tcp/127.0.0.1/%d; read", portOf(l)))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	if _, o, _ := id.Identify(accept(t, l)); o.UID != 65534 || o.User != "nobody" {
		t.Errorf("origin %+v", o)
	}
}

func TestIdentifyByManyAtOnce(t *testing.T) {
	id := newIdentifier(t)
	l := listen(t, id, "tcp", "[::]:0")
	var wg sync.WaitGroup
	for _, to := range []string{"127.0.0.1", "::1", "127.0.0.1", "::1"} {
		s := client{to: to}.connect(t, l)
		wg.Go(func() {
			for range 200 {
				p, o, _ := id.Identify(s)
				if p.Addr.Addr().String() != to || p.Proof != flow.ProofIngress || int(o.UID) != os.Getuid() {
					t.Errorf("%s: %+v, %+v", to, p, o)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestClientsThatLeaveAtOnce(t *testing.T) {
	testkit.NeedRoot(t)
	id := newIdentifier(t)
	l := listen(t, id, "tcp4", "127.0.0.1:0")
	known := 0
	for i := range 1000 {
		uid := []int{0, 65534, 1234}[i/3%3]
		var fd int
		as(t, uid, func() { fd = client{to: "127.0.0.1"}.dial(t, portOf(l)) })
		left := make(chan struct{})
		leave := func() { leaveBy(i%2 == 0, fd); close(left) }
		if i%3 == 0 {
			go leave() // while it is identified
		} else {
			leave()
		}
		s := accept(t, l)
		p, o, _ := id.Identify(s)
		<-left
		_ = s.Close()
		want{flow.ZoneLoopback, flow.ProofIngress, "lo"}.check(t, p)
		switch {
		case reflect.DeepEqual(o, flow.Origin{}):
		case o.Attribution != flow.AttributionUIDOnly || o.UID != uint32(uid):
			t.Fatalf("client of user %d is blamed on %+v", uid, o)
		default:
			known++
		}
	}
	t.Logf("the user of %d of 1000 clients was known", known)
}

// leaveBy closes a connection in order, or with a reset.
func leaveBy(resets bool, fd int) {
	if resets {
		reset(fd)
		return
	}
	_ = unix.Close(fd)
}

// The client resets, and another user takes its port before we look.
func TestReusedPortBlamesNobody(t *testing.T) {
	testkit.NeedRoot(t)
	id := newIdentifier(t)
	l := listen(t, id, "tcp4", "127.0.0.1:0")
	first := client{to: "127.0.0.1", from: "127.0.0.5"}.dial(t, portOf(l))
	sa, err := unix.Getsockname(first)
	must(t, err)
	reset(first)
	again := client{to: "127.0.0.1", from: "127.0.0.5", port: int(addrPort(sa).Port())}
	as(t, 65534, func() { again.hold(t, l) })

	p, o, _ := id.Identify(accept(t, l))
	want{flow.ZoneLoopback, flow.ProofIngress, "lo"}.check(t, p)
	if !reflect.DeepEqual(o, flow.Origin{}) {
		t.Errorf("the first client is blamed on %+v", o)
	}
	if _, o, _ = id.Identify(accept(t, l)); o.UID != 65534 || o.User != "nobody" {
		t.Errorf("the second client is %+v", o)
	}
}

// A socket that lingers in TIME-WAIT is that of an earlier connection.
func TestTimeWaitProvesNothing(t *testing.T) {
	id := newIdentifier(t)
	l := listen(t, id, "tcp4", "127.0.0.1:0")
	fd := client{to: "127.0.0.1"}.dial(t, portOf(l))
	old := accept(t, l)
	must(t, unix.Close(fd))
	must(t, old.Close())
	if s, err := id.sockets.Lookup(old.Remote(), old.Local(), 0); err != nil || s.State.String() != "TIME-WAIT" {
		t.Fatalf("the client's end is %+v, %v", s, err)
	}
	living := client{to: "127.0.0.1"}.connect(t, l)
	err := living.Control(func(fd uintptr) {
		same, err := unix.Dup(int(fd))
		must(t, err)
		claim := lane.NewSocket(same, old.Local(), old.Remote())
		defer claim.Close() //nolint:errcheck // nothing was written
		if e := id.examine(claim); e.found || e.uidKnown {
			t.Errorf("evidence from TIME-WAIT: %+v", e)
		}
	})
	must(t, err)
}

func TestUnixPeers(t *testing.T) {
	testkit.NeedRoot(t)
	id := newIdentifier(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "door")
	for _, address := range []string{path, "@lodoor-test-" + filepath.Base(dir)} {
		l := listen(t, id, "unix", address)
		if address == path {
			must(t, os.Chmod(path, 0o777))
			openWay(t, dir)
		}
		as(t, 65534, func() {
			c, err := net.Dial("unix", address)
			must(t, err)
			t.Cleanup(func() { _ = c.Close() })
		})
		p, o, lead := id.Identify(acceptUnix(t, l))
		if lead.PIDFD != 0 {
			must(t, unix.Close(lead.PIDFD))
		}
		if p != (flow.Peer{Path: address, Zone: flow.ZoneUnix, Proof: flow.ProofUnix}) {
			t.Errorf("peer %+v", p)
		}
		if !reflect.DeepEqual(o, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 65534, User: "nobody", PID: os.Getpid()}) {
			t.Errorf("origin %+v", o)
		}
	}
}

// openWay lets other users reach a folder below the test's own.
func openWay(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir(); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o711))
	}
}

func acceptUnix(t *testing.T, l net.Listener) *lane.Socket {
	t.Helper()
	c, err := l.Accept()
	must(t, err)
	defer c.Close()
	raw, err := c.(*net.UnixConn).SyscallConn()
	must(t, err)
	fd := -1
	_ = raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	must(t, err)
	s := lane.NewSocket(fd, netip.AddrPort{}, netip.AddrPort{})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Without sock_diag the ingress still proves.
func TestWithoutSockDiag(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.Do(func() {
		id := newIdentifier(t)
		must(t, id.Close())
		l := listen(t, id, "tcp4", "0.0.0.0:0")
		p, o, _ := id.Identify(client{to: "127.0.0.1"}.connect(t, l))
		want{flow.ZoneLoopback, flow.ProofIngress, "lo"}.check(t, p)
		if !reflect.DeepEqual(o, flow.Origin{}) {
			t.Errorf("origin %+v", o)
		}
		p, _, _ = id.Identify(client{to: n.Host4.String()}.connect(t, l))
		want{flow.ZoneSelf, flow.ProofNone, n.Link}.check(t, p)
	})
}

// An address that the host got a moment ago is its own, whatever the snapshot says.
func TestNewAddressIsProven(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.Do(func() {
		id := newIdentifier(t)
		l := listen(t, id, "tcp4", "0.0.0.0:0")
		n.Host.IP("addr", "add", "10.97.0.1/24", "dev", n.Link)
		p, _, _ := id.Identify(client{to: "10.97.0.1"}.connect(t, l))
		want{flow.ZoneSelf, flow.ProofSocket, n.Link}.check(t, p)
	})
}

func BenchmarkIdentify(b *testing.B) {
	for _, tc := range []struct{ name, network, listen string }{
		{"tcp4", "tcp4", "127.0.0.1:0"}, {"tcp6", "tcp6", "[::1]:0"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			id := newIdentifier(b)
			l := listen(b, id, tc.network, tc.listen)
			host, _, _ := net.SplitHostPort(tc.listen)
			s := client{to: host}.connect(b, l)
			b.ReportAllocs()
			for b.Loop() {
				if _, o, _ := id.Identify(s); o.Attribution == flow.AttributionNone {
					b.Fatal("not found")
				}
			}
		})
	}
}
