package lanetest

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// Patience is how long the suite waits for what must happen; no verdict depends on less.
const Patience = 20 * time.Second

// Ends are what a client and a service hold: connected directly, or with a lane between them.
type Ends struct{ Client, Backend net.Conn }

// network is what the two legs of a session are made of.
type network struct{ name, client, backend string }

func networks() []network {
	return []network{
		{"tcp4", "tcp4", "tcp4"},
		{"tcp6", "tcp6", "tcp6"},
		{"unix", "unix", "unix"},
		{"tcp4 to unix", "tcp4", "unix"},
	}
}

// resets says whether a reset can pass: Unix sockets have none.
func (n network) resets() bool { return n.client != "unix" && n.backend != "unix" }

// Direct connects a client and a service over loopback with nothing between them; network is tcp4, tcp6 or unix.
// Both ends are closed with the test, and nothing on them waits longer than [Patience].
func Direct(t testing.TB, network string) Ends {
	t.Helper()
	l := listen(t, network)
	defer func() { _ = l.Close() }()
	client, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	backend, err := l.Accept()
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	return Ends{patient(t, client), patient(t, backend)}
}

func listen(t testing.TB, network string) net.Listener {
	t.Helper()
	addr := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network]
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, addr)
	if err != nil && network == "tcp6" {
		testkit.Missing(t, "this host has no ::1: %v", err)
	}
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	return l
}

func patient(t testing.TB, c net.Conn) net.Conn {
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(Patience))
	return c
}

// reset closes c so that the other end sees a reset.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// closeWrite sends FIN.
func closeWrite(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatalf("close one direction: %v", err)
	}
}

// isReset says whether err is what a torn connection answers.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// setBuffer bounds what the kernel keeps for c.
func setBuffer(c net.Conn, bytes int) {
	if b, ok := c.(interface {
		SetReadBuffer(int) error
		SetWriteBuffer(int) error
	}); ok {
		_ = b.SetReadBuffer(bytes)
		_ = b.SetWriteBuffer(bytes)
	}
}

// ended is the error with which reading ends, in words.
func ended(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return "end of stream"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(err, syscall.EPIPE):
		return "broken pipe"
	default:
		return err.Error()
	}
}
