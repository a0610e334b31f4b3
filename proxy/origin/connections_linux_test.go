package origin

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestConnections(t *testing.T) {
	testkit.NeedRoot(t)
	l := listen(t, "tcp4", "127.0.0.1:0")
	const stranger = 1234
	start(t, stranger, "stay", "tcp4", l.Addr().String())
	accepted, pid := accept(t, l)
	client, port := addrPort(accepted.RemoteAddr()), addrPort(l.Addr())
	type side struct{ state, local, remote string }
	listener := side{"LISTEN", port.String(), "0.0.0.0:0"}
	theirs := side{"ESTAB", client.String(), port.String()}
	ours := side{"ESTAB", port.String(), client.String()}
	for _, tc := range []struct {
		port uint16
		want map[side]int
	}{
		{port.Port(), map[side]int{listener: os.Getpid(), theirs: pid, ours: os.Getpid()}},
		{client.Port(), map[side]int{theirs: pid, ours: os.Getpid()}},
	} {
		all, err := Connections(t.Context(), tc.port, ResolverConfig{})
		if err != nil || len(all) != len(tc.want) {
			t.Fatalf("port %d: %+v, %v", tc.port, all, err)
		}
		for _, c := range all {
			s := side{c.State, c.Local.String(), c.Remote.String()}
			if c.Origin.PID != tc.want[s] || c.Origin.Process == nil || c.Origin.Holders != nil || c.Listening != (s == listener) ||
				(c.Origin.UID == stranger) != (s == theirs) {
				t.Errorf("port %d: %+v", tc.port, c)
			}
		}
	}
	asNobody(t, func() {
		all, err := Connections(t.Context(), client.Port(), ResolverConfig{})
		if err != nil || len(all) != 2 {
			t.Fatalf("%+v, %v", all, err)
		}
		for _, c := range all {
			if c.Origin.UID == stranger && (c.Origin.Attribution != flow.AttributionUIDOnly || c.Origin.Process != nil) {
				t.Errorf("nobody sees %+v", c)
			}
		}
	})
}

// Who carries somebody else's connections is told, as in a search for one.
func TestConnectionsOfForwarders(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	is := &flow.Forwarder{Name: "tunnel"}
	all, err := Connections(t.Context(), addrPort(l.Addr()).Port(), ResolverConfig{
		Forwarder: func(_ context.Context, p *flow.Process) *flow.Forwarder {
			if p.PID != os.Getpid() {
				t.Errorf("asked about %+v", p)
			}
			return is
		},
	})
	if err != nil || len(all) != 1 || all[0].Origin.Forwarder != is {
		t.Errorf("%+v, %v", all, err)
	}
}

// Who has left is nobody, and not root.
func TestConnectionsOfNobody(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	_ = c.Close()
	all, err := Connections(t.Context(), addrPort(c.LocalAddr()).Port(), ResolverConfig{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, c := range all {
		if left := c.State != "CLOSE-WAIT"; left == c.Origin.Known() {
			t.Errorf("%+v", c)
		}
	}
}

func TestConnectionsWithoutTime(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	all, err := Connections(ctx, addrPort(l.Addr()).Port(), ResolverConfig{})
	if err != nil || len(all) != 1 || all[0].Origin.Attribution != flow.AttributionUIDOnly {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestConnectionsOfAnUnusedPort(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	port := addrPort(l.Addr()).Port()
	_ = l.Close()
	if all, err := Connections(t.Context(), port, ResolverConfig{}); len(all) != 0 || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%+v, %v", all, err)
	}
}
