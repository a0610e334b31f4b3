package testkit_test

import (
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestNetwork(t *testing.T) {
	n := testkit.NewNetwork(t)
	for _, tc := range []struct{ listen, dial netip.Addr }{{n.Host4, n.Remote4}, {n.Host6, n.Remote6}} {
		var l net.Listener
		var err error
		n.Host.Do(func() { l, err = net.ListenTCP("tcp", &net.TCPAddr{IP: tc.listen.AsSlice()}) })
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, l)
		var c net.Conn
		n.Remote.Do(func() { c, err = net.Dial("tcp", l.Addr().String()) })
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, c)
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, s)
		if got := s.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(); got != tc.dial {
			t.Errorf("connection to %s came from %s, want %s", tc.listen, got, tc.dial)
		}
	}
}

func TestNetnsDoLeavesTheThreadAsItWas(t *testing.T) {
	before := interfaces(t)
	ns := testkit.NewNetns(t)
	ns.Do(func() {
		if got := interfaces(t); !slices.Equal(got, []string{"lo"}) {
			t.Errorf("interfaces in a new namespace are %v", got)
		}
	})
	if after := interfaces(t); !slices.Equal(before, after) {
		t.Errorf("interfaces were %v, and are %v after Do", before, after)
	}
}

func TestNetnsCommandAndCleanup(t *testing.T) {
	var name string
	t.Run("inside", func(t *testing.T) {
		ns := testkit.NewNetns(t)
		name = ns.Name
		out, err := ns.Command("ip", "netns", "identify").Output()
		if err != nil || strings.TrimSpace(string(out)) != name {
			t.Errorf("command ran in %q (%v), want %q", out, err, name)
		}
	})
	if name == "" {
		t.Skip("the first half did not run")
	}
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil || strings.Contains(string(out), name) {
		t.Errorf("namespace %s is left: %s %v", name, out, err)
	}
}

func closeAtEnd(t *testing.T, c io.Closer) {
	t.Cleanup(func() { _ = c.Close() })
}

func interfaces(t *testing.T) []string {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}
