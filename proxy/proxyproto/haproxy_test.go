package proxyproto

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestHAProxy reads the headers that a real HAProxy sends: of clients over IPv4 and over a Unix socket, and of its own
// health checks.
func TestHAProxy(t *testing.T) {
	program := testkit.Program(t, "haproxy")
	for _, tc := range []struct {
		name, server string
		version      uint8
	}{
		{"version 1", "send-proxy", 1},
		{"version 2", "send-proxy-v2 proxy-v2-options crc32c,unique-id", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			backend, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer backend.Close()
			tcp, unix := startHAProxy(t, program, tc.server, backend.Addr().String())
			client := say(t, "tcp", tcp)
			c := hear(t, backend)
			if c == nil || c.Client.String() != client.LocalAddr().String() || c.Server.String() != tcp ||
				c.Version != tc.version || c.Zone != flow.ZoneLoopback {
				t.Errorf("of %s: %+v", client.LocalAddr(), c)
			}
			say(t, "unix", unix)
			if c := hear(t, backend); c != nil {
				t.Errorf("of a client on a Unix socket: %+v", c)
			}
		})
	}
	t.Run("health check", func(t *testing.T) {
		backend, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer backend.Close()
		startHAProxy(t, program, "send-proxy-v2 check inter 100ms", backend.Addr().String())
		conn, err := backend.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if c, err := readHeader(anyReader(t), conn); err != nil || c != nil {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

// startHAProxy starts one that relays to the backend, and returns its TCP address and the path of its Unix socket. Whoever
// lost the port to somebody else in between tries another.
func startHAProxy(t *testing.T, program, server, backend string) (tcp, unix string) {
	t.Helper()
	var c *testkit.Child
	for range 3 {
		dir := t.TempDir()
		tcp, unix = fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), filepath.Join(dir, "s")
		file := filepath.Join(dir, "haproxy.cfg")
		if err := os.WriteFile(file, fmt.Appendf(nil, configuration, tcp, unix, server, backend), 0o600); err != nil {
			t.Fatal(err)
		}
		c = testkit.Start(t, exec.CommandContext(t.Context(), program, "-db", "-f", file))
		bound := func() bool {
			_, err := os.Stat(unix)
			return err == nil
		}
		testkit.Wait(t, "haproxy to bind", func() bool { return bound() || c.Exited() }, time.Minute)
		if !c.Exited() {
			return tcp, unix
		}
	}
	t.Fatalf("haproxy ended: %s%s", c.Stdout(), c.Stderr())
	return "", ""
}

// configuration has room for the two addresses, the server's options and its address.
const configuration = `
defaults
  mode tcp
  timeout connect 60s
  timeout client 60s
  timeout server 60s
listen door
  unique-id-format %%pid-%%rt
  bind %s
  bind unix@%s
  default-server %s
  server backend %s
`

const message = "first bytes"

// say connects, and sends the message.
func say(t *testing.T, network, address string) net.Conn {
	t.Helper()
	var conn net.Conn
	testkit.Wait(t, "haproxy to accept", func() (ok bool) {
		var err error
		conn, err = net.Dial(network, address)
		return err == nil
	}, time.Minute)
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, message); err != nil {
		t.Fatal(err)
	}
	return conn
}

// hear accepts a connection and reads its header, behind which the message has to be.
func hear(t *testing.T, backend net.Listener) *flow.Conveyed {
	t.Helper()
	conn, err := backend.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, err := readHeader(anyReader(t), conn)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(message))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != message {
		t.Errorf("behind the header is %q: %v", b, err)
	}
	return c
}

// readHeader reads exactly the header, as a session does.
func readHeader(r *Reader, conn net.Conn) (*flow.Conveyed, error) {
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return nil, err
	}
	var b []byte
	for {
		have := len(b)
		b = append(b, make([]byte, r.Missing(b))...)
		if _, err := io.ReadFull(conn, b[have:]); err != nil {
			return nil, fmt.Errorf("read after %q: %w", b[:have], err)
		}
		if n, c, err := r.Parse(b, local()); n > 0 || err != nil {
			return c, err
		}
	}
}
