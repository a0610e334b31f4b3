//go:build !portable

package lane_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

// dialled is a session that was begun by Connect, with a client that has said something already.
type dialled struct {
	lane      *lane.Loop
	client    net.Conn
	pair      lane.Pair
	control   lane.Control
	connected chan error
	outcomes  chan flow.Outcome
}

// dial connects to addr on a loop. The connect may be over before Connect is called, as with any nonblocking one.
func dial(t *testing.T, addr netip.AddrPort, deadline time.Time) *dialled {
	t.Helper()
	ends, pair := lanetest.Legs(t, "tcp4")
	_ = pair.Backend.Close()
	d := &dialled{lane: loop(t, lane.LoopConfig{Loops: 1}), client: ends.Client, pair: pair}
	d.connected, d.outcomes = make(chan error, 1), make(chan flow.Outcome, 1)
	if _, err := d.client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	d.pair.Backend = connecting(t, addr)
	began := make(chan struct{})
	d.lane.Least().Post(task(func(on *lane.Worker) {
		d.control = on.Connect(d.pair, deadline, func(err error) { d.connected <- err }, func(o flow.Outcome) { d.outcomes <- o })
		close(began)
	}))
	<-began
	t.Cleanup(func() {
		_ = d.client.Close()
		closeLane(t, d.lane)
	})
	return d
}

// connecting is a socket whose connect(2) has begun.
func connecting(t *testing.T, addr netip.AddrPort) *lane.Socket {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		t.Fatal(err)
	}
	return lane.NewSocket(fd, netip.AddrPort{}, addr)
}

// fails waits for connected to be called with want, and checks that the client's socket is as it was.
func (d *dialled) fails(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-d.connected:
		if !errors.Is(err, want) {
			t.Errorf("connect: %v, want %v", err, want)
		}
	case <-time.After(lanetest.Patience):
		t.Fatal("connect did not end")
	}
	barrier(d.lane)
	if d.pair.Backend.Control(func(uintptr) {}) == nil {
		t.Error("the backend's socket is open")
	}
	if n, err := d.pair.Client.Unread(); !errors.Is(want, lane.ErrClientGone) && (n != 5 || err != nil) {
		t.Errorf("the client's socket has %d bytes unread (%v), want 5", n, err)
	}
	d.control.Kill(flow.EndDrain) // must do nothing
	barrier(d.lane)
	if err := d.pair.Client.Close(); err != nil {
		t.Errorf("the client's socket was closed: %v", err)
	}
	if len(d.connected)+len(d.outcomes) > 0 {
		t.Error("something was called after the failure")
	}
}

// full is the address of a listening socket whose queue is full, so that connecting to it takes long.
func full(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(name.(*unix.SockaddrInet4).Port))
	connect(t, addr.String())
	return addr
}

func TestConnect(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	d := dial(t, l.Addr().(*net.TCPAddr).AddrPort(), time.Now().Add(lanetest.Patience))
	if err := <-d.connected; err != nil {
		t.Fatalf("connect: %v", err)
	}
	backend, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// The client's bytes and FIN came before the backend was there.
	_ = d.client.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(backend); string(b) != "hello" || err != nil {
		t.Errorf("the backend read %q, %v", b, err)
	}
	_, _ = io.WriteString(backend, "bye")
	_ = backend.Close()
	if b, err := io.ReadAll(d.client); string(b) != "bye" || err != nil {
		t.Errorf("the client read %q, %v", b, err)
	}
	o := <-d.outcomes
	if o.End != flow.EndFIN || o.EndedBy != flow.SideClient || o.FromClient != 5 || o.FromBackend != 3 {
		t.Errorf("outcome %+v", o)
	}
}

func TestConnectRefused(t *testing.T) {
	fd, addr := listener(t)
	_ = unix.Shutdown(fd, unix.SHUT_RD) // ends listening, and the port stays ours
	d := dial(t, netip.MustParseAddrPort(addr), time.Time{})
	d.fails(t, syscall.ECONNREFUSED)
}

func TestConnectDeadline(t *testing.T) {
	d := dial(t, full(t), time.Now().Add(50*time.Millisecond))
	d.fails(t, os.ErrDeadlineExceeded)
}

func TestConnectKilled(t *testing.T) {
	d := dial(t, full(t), time.Time{})
	d.control.Kill(flow.EndDrain)
	d.fails(t, lane.ErrKilled)
}

func TestConnectClientGone(t *testing.T) {
	d := dial(t, full(t), time.Time{})
	_ = d.client.(*net.TCPConn).SetLinger(0)
	_ = d.client.Close()
	d.fails(t, lane.ErrClientGone)
}

// TestConnectHalfClosed has a client that only has finished sending: it is not gone.
func TestConnectHalfClosed(t *testing.T) {
	d := dial(t, full(t), time.Now().Add(50*time.Millisecond))
	_ = d.client.(*net.TCPConn).CloseWrite()
	d.fails(t, os.ErrDeadlineExceeded)
}

// letter is a gate that lets a whole word of five letters pass.
type letter struct{ asked []string }

func (l *letter) Inspect(held []byte, _ bool) flow.GateAnswer {
	l.asked = append(l.asked, string(held))
	return flow.GateAnswer{Pass: len(held) / 5 * 5}
}

// TestConnectAgain connects the client to a second backend after the first was refused. Its gate is asked only then.
func TestConnectAgain(t *testing.T) {
	fd, addr := listener(t)
	_ = unix.Shutdown(fd, unix.SHUT_RD)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ends, pair := lanetest.Legs(t, "tcp4")
	_ = pair.Backend.Close()
	gate := &letter{}
	pair.Gate = gate
	first, second := connecting(t, netip.MustParseAddrPort(addr)), connecting(t, l.Addr().(*net.TCPAddr).AddrPort())
	lp := loop(t, lane.LoopConfig{Loops: 1})
	outcomes := make(chan flow.Outcome, 1)
	done := func(o flow.Outcome) { outcomes <- o }
	lp.Least().Post(task(func(on *lane.Worker) {
		pair.Backend = first
		on.Connect(pair, time.Time{}, func(err error) {
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("the first: %v", err)
			}
			pair.Backend = second
			on.Connect(pair, time.Time{}, func(err error) {
				if err != nil || len(gate.asked) > 0 {
					t.Errorf("the second: %v; the gate was asked about %q before", err, gate.asked)
				}
			}, done)
		}, done)
	}))
	_, _ = io.WriteString(ends.Client, "hello")
	_ = ends.Client.Close()
	backend, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(backend); string(b) != "hello" || err != nil {
		t.Errorf("the second backend read %q, %v", b, err)
	}
	_ = backend.Close()
	if o := <-outcomes; o.End != flow.EndFIN || o.FromClient != 5 {
		t.Errorf("outcome %+v", o)
	}
	closeLane(t, lp)
	if !slices.Equal(gate.asked, []string{"hello", ""}) {
		t.Errorf("the gate was asked about %q, want what was sent, and the end", gate.asked)
	}
}
