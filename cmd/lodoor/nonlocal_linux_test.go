package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// hook is a webhook's receiver.
type hook struct {
	url string
	mu  sync.Mutex
	got []map[string]any
}

// newHook starts a receiver on 127.0.0.1 of the calling thread's namespace.
func newHook(t *testing.T) *hook {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hook{url: "http://" + ln.Addr().String() + "/secret-path"}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close() })
	return h
}

func (h *hook) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var message map[string]any
	if err := json.NewDecoder(r.Body).Decode(&message); err == nil {
		h.mu.Lock()
		h.got = append(h.got, message)
		h.mu.Unlock()
	}
}

func (h *hook) messages() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]map[string]any(nil), h.got...)
}

// knock is one attempt of the host at the other end of the wire.
type knock struct {
	name    string
	front   string // where the door is, with %d for the port
	args    []string
	to      func(n *testkit.Network, port int) string
	prepare func(n *testkit.Network, port int)
	cause   flow.Cause
	peer    string
}

func knocks() []knock {
	host4 := func(n *testkit.Network, port int) string {
		return net.JoinHostPort(n.Host4.String(), strconv.Itoa(port))
	}
	host6 := func(n *testkit.Network, port int) string {
		return net.JoinHostPort(n.Host6.String(), strconv.Itoa(port))
	}
	nat := func(n *testkit.Network, _ int) string { return net.JoinHostPort(n.Host4.String(), "7000") }
	return []knock{
		{name: "wildcard door", front: "0.0.0.0:%d", to: host4, cause: flow.CauseNonLocal, peer: "10.99.0.2"},
		{name: "wildcard door, IPv6", front: "[::]:%d", to: host6, cause: flow.CauseNonLocal, peer: "fd99::2"},
		{name: "tripwire", front: "%d", args: []string{"--tripwire"}, to: host4, cause: flow.CauseTripwire, peer: "10.99.0.2"},
		{name: "tripwire, IPv6", front: "%d", args: []string{"--tripwire"}, to: host6, cause: flow.CauseTripwire, peer: "fd99::2"},
		{name: "disguise at a wildcard door", front: "0.0.0.0:%d", to: nat, prepare: disguise, cause: flow.CauseDisguised, peer: "127.0.0.9"},
		{name: "disguise at a loopback door", front: "127.0.0.1:%d", to: nat, prepare: disguise, cause: flow.CauseDisguised, peer: "127.0.0.9"},
		{name: "disguise, observed", front: "127.0.0.1:%d", args: []string{"--enforce", "observe", "--allow", "loopback"},
			to: nat, prepare: disguise, cause: flow.CauseDisguised, peer: "127.0.0.9"},
	}
}

// disguise makes packets that come to port 7000 by the wire look as if they came from 127.0.0.9.
func disguise(n *testkit.Network, port int) {
	for _, name := range []string{"all", n.Link} {
		n.Host.Run("sysctl", "-qw", "net.ipv4.conf."+name+".route_localnet=1", "net.ipv4.conf."+name+".rp_filter=0")
	}
	n.Host.Run("nft", "add table ip nat; "+
		"add chain ip nat pre { type nat hook prerouting priority -100; }; "+
		"add chain ip nat in { type nat hook input priority 100; }; "+
		"add rule ip nat pre iifname "+n.Link+" tcp dport 7000 dnat to 127.0.0.1:"+strconv.Itoa(port)+"; "+
		"add rule ip nat in iifname "+n.Link+" snat to 127.0.0.9")
}

// P10: a peer that is not on this host gets a reset and not one byte, the backend does not see it, and each way of
// knocking has its own alert, which the webhook gets.
func TestNonLocalPeers(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "nft", "ip")
	testkit.Binary(t)
	for _, k := range knocks() {
		t.Run(k.name, func(t *testing.T) {
			n := testkit.NewNetwork(t)
			var backend *testkit.BackendServer
			var h *hook
			var d *testDoor
			n.Host.Do(func() {
				backend, h = testkit.EchoServer(t), newHook(t)
				d = openHostDoor(t, k, backend, h)
			})
			if k.prepare != nil {
				k.prepare(n, d.port)
			}
			n.Remote.Do(func() { expectReset(t, k.to(n, d.port)) })
			r := d.await(flow.EventSessionRefused, 1)[0]
			if r.Verdict.Cause != k.cause || r.Peer.Addr.Addr().String() != k.peer || r.Refusal.Tripwire != (k.cause == flow.CauseTripwire) {
				t.Errorf("refused %+v: %+v", r.Peer, r.Verdict)
			}
			alerts := d.await(flow.EventAlert, 1)
			if a := alerts[0].Alert; len(alerts) != 1 || a.Condition != "non_local_peer" {
				t.Errorf("alerts %+v", a)
			}
			testkit.Wait(t, "the webhook's message", func() bool { return len(h.messages()) == 1 }, 20*time.Second)
			if m := h.messages()[0]; m["condition"] != "non_local_peer" || m["service"] != "svc" {
				t.Errorf("webhook got %v", m)
			}
			d.settle()
			if c := backend.Connections(); len(c) != 0 {
				t.Errorf("the backend saw %d connections", len(c))
			}
		})
	}
}

func openHostDoor(t *testing.T, k knock, backend *testkit.BackendServer, h *hook) *testDoor {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "webhook")
	if err := os.WriteFile(secret, []byte(h.url+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &testDoor{t: t, port: testkit.FreePort(t), dir: filepath.Join(t.TempDir(), "journal")}
	args := append(k.args, "--webhook-file", secret, "--journal", d.dir,
		"--listen", fmt.Sprintf(k.front, d.port), "--backend", strconv.Itoa(backend.Port()), "--name", "svc")
	d.Door = testkit.Lodoor(t, args...)
	return d
}

// expectReset connects, sends, and expects a reset without a byte; it may come at any of the three.
func expectReset(t *testing.T, to string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", to, 10*time.Second)
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		// Whichever call comes first after the reset gets the error, and only that one.
		if _, err = c.Write([]byte("anybody there?")); err == nil {
			var n int
			if n, err = c.Read(make([]byte, 1)); n != 0 {
				t.Errorf("%s sent a byte", to)
			}
		}
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s: %v; expected a reset", to, err)
	}
}

// Clients on this host are let in whichever of its addresses they come from.
func TestOwnAddressesAreLetIn(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "ip")
	testkit.Binary(t)
	n := testkit.NewNetwork(t)
	n.Host.Do(func() {
		backend := testkit.EchoServer(t)
		for _, tc := range []struct{ front, from, to string }{
			{"0.0.0.0:%d", n.Host4.String(), n.Host4.String()},
			{"127.0.0.1:%d", n.Host4.String(), "127.0.0.1"},
			{"[::]:%d", n.Host6.String(), n.Host6.String()},
			{"[::]:%d", n.Host4.String(), n.Host4.String()}, // an IPv4 client of a dual-stack door
			{"[::1]:%d", n.Host6.String(), "::1"},
			{"127.0.0.1:%d", "127.0.0.9", "127.0.0.1"},
		} {
			d := openHostDoor(t, knock{front: tc.front}, backend, newHook(t))
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(tc.from)}, Timeout: 10 * time.Second}
			c, err := dialer.Dial("tcp", net.JoinHostPort(tc.to, d.portText()))
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			_, _ = c.Write([]byte("x"))
			if got, err := c.Read(make([]byte, 1)); got != 1 {
				t.Errorf("from %s to %s: %v", tc.from, tc.to, err)
			}
			_ = c.Close()
			d.await(flow.EventSessionClose, 1)
			d.settle()
			if p := d.records(flow.EventSessionOpen)[0].Peer; !p.Local() || p.Addr.Addr().String() != tc.from {
				t.Errorf("from %s to %s: peer %+v", tc.from, tc.to, p)
			}
		}
	})
}

// A host without IPv6 says so and goes on.
func TestHostWithoutIPv6(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "ip")
	testkit.Binary(t)
	ns := testkit.NewNetns(t)
	ns.Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
	ns.Do(func() {
		d := openDoor(t, strconv.Itoa(testkit.EchoServer(t).Port()))
		testkit.Wait(t, "lodoor to say so", func() bool {
			return strings.Contains(d.Stderr(), "this host has no IPv6 loopback")
		}, 20*time.Second)
		echoClient(t, d.addr(), 100)
		d.settle()
	})
}

// Observing, a peer from elsewhere is let in, recorded and alerted as one that would have been denied.
func TestObserve(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "ip")
	testkit.Binary(t)
	n := testkit.NewNetwork(t)
	var d *testDoor
	n.Host.Do(func() {
		d = openHostDoor(t, knock{front: "0.0.0.0:%d", args: []string{"--enforce", "observe"}}, testkit.EchoServer(t), newHook(t))
	})
	n.Remote.Do(func() { echoClient(t, net.JoinHostPort(n.Host4.String(), d.portText()), 100) })
	alerts := d.await(flow.EventAlert, 1)
	if a := alerts[0].Alert; !a.Observed || a.Condition != "non_local_peer" {
		t.Errorf("alert %+v", a)
	}
	d.settle()
	if v := d.records(flow.EventSessionOpen)[0].Verdict; v.Action != flow.WouldDeny || v.Cause != flow.CauseNonLocal {
		t.Errorf("verdict %+v", v)
	}
}
