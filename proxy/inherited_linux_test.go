package proxy

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// handed is a listening socket as whoever starts lodoor hands it over.
func handed(t *testing.T, network, address string) (*os.File, net.Addr) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false) // Go's own default
	l, err := config.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, l.Addr()
}

// What waits at a socket that was handed over is neither refused nor lost when lodoor ends: the next one has it.
func TestInheritedSocketOutlivesTheServer(t *testing.T) {
	onEachLane(t, func(t *testing.T, open opener) {
		for _, network := range []string{"tcp", "tcp6", "unix"} {
			address := map[string]string{
				"tcp": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": filepath.Join(t.TempDir(), "s"),
			}[network]
			f, where := handed(t, network, address)
			to, err := flow.ParseEndpoint(where.String())
			if network == "unix" {
				to, err = flow.Endpoint{Path: where.String()}, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			b := newBackend(t, "127.0.0.1:0")
			config := Config{Inherited: []*os.File{f}, Services: []Service{
				{Name: "echo", Fronts: []flow.Endpoint{to}, Backend: b.endpoint()},
			}}
			// Before there is a server, and after one and another have ended, clients only wait.
			for round := range 3 {
				c, err := net.Dial(network, where.String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, "early"); err != nil {
					t.Fatal(err)
				}
				d := open(t, config)
				got := make([]byte, 5)
				if _, err := io.ReadFull(c, got); err != nil || string(got) != "early" {
					t.Fatalf("%s, round %d: %q, %v", network, round, got, err)
				}
				echo(t, c, "and on")
				_ = c.Close()
				d.log.waitFor(t, flow.EventSessionClose, 1)
				d.stop()
				if n := len(d.log.of(flow.EventSessionRefused)); n != 0 {
					t.Errorf("%s, round %d: %d were refused", network, round, n)
				}
			}
		}
	})
}

// A front that a reload takes away and brings back uses the socket again.
func TestInheritedSocketOverReloads(t *testing.T) {
	onEachLane(t, func(t *testing.T, open opener) {
		f, where := handed(t, "tcp", "127.0.0.1:0")
		b := newBackend(t, "127.0.0.1:0")
		addr := netip.MustParseAddrPort(where.String())
		with := []Service{{Name: "echo", Fronts: []flow.Endpoint{{Host: "127.0.0.1", Port: addr.Port()}}, Backend: b.endpoint()}}
		d := open(t, Config{Inherited: []*os.File{f}, Services: with})
		if err := d.Reload(nil, allowAll()); err != nil {
			t.Fatal(err)
		}
		c := dial(t, with[0].Fronts[0]) // waits
		if err := d.Reload(with, allowAll()); err != nil {
			t.Fatal(err)
		}
		echo(t, c, "there again")
	})
}

func TestWhatIsHandedOverAndIsNoUse(t *testing.T) {
	f, where := handed(t, "tcp", "127.0.0.1:0")
	var warnings []string
	port := freePort(t)
	b := newBackend(t, "127.0.0.1:0")
	onEachLane(t, func(t *testing.T, open opener) {
		warnings = nil
		open(t, Config{
			Inherited: []*os.File{f}, Warn: func(w string) { warnings = append(warnings, w) },
			Services: []Service{{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()}},
		})
		if want := fmt.Sprintf("(%s) was handed over, and no service listens at its address", where); len(warnings) == 0 || !strings.Contains(warnings[0], want) {
			t.Errorf("warned %q, want %q", warnings, want)
		}
	})
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	multi, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer multi.Close()
	if f, err := multi.(*net.TCPListener).File(); err != nil {
		t.Fatal(err)
	} else if _, err := newInherited([]*os.File{f}); err != nil && !strings.Contains(err.Error(), "expected one of TCP") {
		t.Error(err) // a kernel without it makes a plain one
	} else {
		_ = f.Close()
	}
	if _, err := newInherited([]*os.File{plain}); err == nil || !strings.Contains(err.Error(), "expected a stream socket that listens") {
		t.Error(err)
	}
}
