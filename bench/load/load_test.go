//go:build linux

package load

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func echo(t *testing.T) *Echo {
	t.Helper()
	e, err := NewEcho(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestShort(t *testing.T) {
	for _, tc := range []struct {
		name  string
		short Short
	}{
		{"one after the other", Short{Workers: 1, Count: 50}},
		{"at once", Short{Workers: 8, Count: 500}},
		{"fewer than workers", Short{Workers: 8, Count: 3}},
		{"for a while", Short{Workers: 8, For: 50 * time.Millisecond}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := echo(t)
			tc.short.Port = e.Port()
			made, err := tc.short.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := len(made.Latencies)
			if n == 0 || tc.short.Count > 0 && n != tc.short.Count || int64(n) != e.Accepted() {
				t.Errorf("%d latencies, %d accepted, want %d", n, e.Accepted(), tc.short.Count)
			}
			for _, l := range made.Latencies {
				if l <= 0 || l > made.Elapsed.Seconds() {
					t.Errorf("a latency of %v s in %v", l, made.Elapsed)
				}
			}
			testkit.Wait(t, "the ends", func() bool { return e.Open() == 0 }, 10*time.Second)
		})
	}
}

// TestShortFails shows that a service which breaks its word ends the run with what it did.
func TestShortFails(t *testing.T) {
	for name, tc := range map[string]struct {
		serve func(net.Conn) error
		want  string
	}{
		"no answer":      {func(c net.Conn) error { _, err := c.Read(make([]byte, 64)); return err }, "without an answer"},
		"half an answer": {func(c net.Conn) error { _, err := c.Write([]byte("half")); _, _ = c.Read(make([]byte, 64)); return err }, "4 bytes came back"},
	} {
		t.Run(name, func(t *testing.T) {
			b := testkit.Backend(t, testkit.BackendOptions{Serve: tc.serve})
			_, err := Short{Port: b.Port(), Workers: 1, Count: 2}.Run(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	if _, err := (Short{Port: testkit.FreePort(t), Workers: 1, Count: 1}).Run(t.Context()); err == nil {
		t.Error("no error where nobody listens")
	}
}

func TestShortIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := testkit.Backend(t, testkit.BackendOptions{Serve: func(c net.Conn) error {
		cancel() // and never answers
		_, err := c.Read(make([]byte, 64))
		_, _ = c.Read(make([]byte, 64))
		return err
	}})
	if _, err := (Short{Port: b.Port(), Workers: 4, Count: 4}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A process that is forked while a connection is open holds it until it executes its program.
func TestEchoCountsAConnectionOnce(t *testing.T) {
	e := echo(t)
	c := dial(t, e)
	held := holdOther(t, c)
	defer func() { _ = unix.Close(held) }()
	_ = c.Close()
	testkit.Wait(t, "the connection to end", func() bool { return e.Open() <= 0 }, 5*time.Second)
	dial(t, e) // in whose time epoll has told of the closed one again
	if n := e.Open(); n != 1 {
		t.Errorf("%d connections are open, want 1", n)
	}
}

// dial connects, and has a byte echoed.
func dial(t *testing.T, e *Echo) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: e.Port()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return c
}

// holdOther is one more descriptor of the connection's other end, which this process has too.
func holdOther(t *testing.T, c *net.TCPConn) int {
	t.Helper()
	port := c.LocalAddr().(*net.TCPAddr).Port
	for fd := range 1024 {
		peer, err := unix.Getpeername(fd)
		if at, ok := peer.(*unix.SockaddrInet4); err == nil && ok && at.Port == port {
			held, err := unix.Dup(fd)
			if err != nil {
				t.Fatal(err)
			}
			return held
		}
	}
	t.Fatal("the other end was not found")
	return -1
}

func TestIdle(t *testing.T) {
	e := echo(t)
	var idle Idle
	defer idle.Close()
	for _, n := range []int{3, 7} {
		if err := idle.Open(t.Context(), e.Port(), n); err != nil {
			t.Fatal(err)
		}
	}
	if idle.Len() != 10 || e.Open() != 10 {
		t.Errorf("%d sessions, the service has %d", idle.Len(), e.Open())
	}
	idle.Close()
	testkit.Wait(t, "the ends", func() bool { return e.Open() == 0 }, 10*time.Second)
}

func TestGets(t *testing.T) {
	redis := testkit.Redis(t)
	if err := SetKey(redis.Port); err != nil {
		t.Fatal(err)
	}
	latencies, err := Gets(t.Context(), redis.Port, 20*time.Millisecond)
	if err != nil || len(latencies) == 0 {
		t.Errorf("%d requests, %v", len(latencies), err)
	}
	other := testkit.EchoServer(t)
	if err := SetKey(other.Port()); err == nil || !strings.Contains(err.Error(), "Redis answers") {
		t.Errorf("an echo service is taken for Redis: %v", err)
	}
	liar := testkit.Backend(t, testkit.BackendOptions{Serve: func(c net.Conn) error {
		_, err := c.Write(make([]byte, 100))
		_, _ = c.Read(make([]byte, 64))
		return err
	}})
	if _, err := Gets(t.Context(), liar.Port(), time.Second); err == nil || !strings.Contains(err.Error(), "GET 1:") {
		t.Errorf("any bytes are taken for the value: %v", err)
	}
}
