package pcapng_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// connected answers both ends of a TCP connection over loopback: the relay's, and the other.
func connected(t *testing.T) (*lane.Socket, *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	far, err := net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	near, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = near.Close() }()
	return socketOf(t, near), far
}

func socketOf(t *testing.T, c *net.TCPConn) *lane.Socket {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	if err := raw.Control(func(from uintptr) { fd, err = unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lane.NewSocket(fd, c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort())
}

// A session through the copy lane: a request, megabytes after the client's half-close, and the end that it had. The
// outcome, the ends and the recording count the same.
func TestThroughALane(t *testing.T) {
	for _, tc := range []struct {
		name  string
		reset bool
	}{{"fin", false}, {"reset", true}} {
		t.Run(tc.name, func(t *testing.T) { throughALane(t, tc.reset) })
	}
}

func throughALane(t *testing.T, reset bool) {
	const megabytes = 8 << 20
	copies, err := lane.NewCopy(lane.CopyConfig{})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, pcapng.Config{Memory: 64 << 20})
	clientEnd, client := connected(t)
	backendEnd, backend := connected(t)
	from, to := clientEnd.Remote(), clientEnd.Local()
	begun := time.Now()
	tap := r.Tap(opening("db", clientEnd.Remote().String(), clientEnd.Local().String()))
	tap.Connected(begun, backendEnd.Local(), backendEnd.Remote())
	done := make(chan flow.Outcome, 1)
	copies.Start(lane.Pair{
		Client: clientEnd, Backend: backendEnd, Accepted: begun,
		Tap: tap,
	}, func(o flow.Outcome) { done <- o })

	question := pattern(0, 10_000)
	if _, err := client.Write(question); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(question))
	if _, err := io.ReadFull(backend, got); err != nil || !bytes.Equal(got, question) {
		t.Fatalf("the backend read other bytes: %v", err)
	}
	if !reset {
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	answered := make(chan error, 1)
	go func() {
		_, err := backend.Write(pattern(0, megabytes))
		answered <- err
	}()
	answer := make([]byte, megabytes)
	if _, err := io.ReadFull(client, answer); err != nil || !bytes.Equal(answer, pattern(0, megabytes)) {
		t.Fatalf("the client read other bytes: %v", err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if reset {
		_ = client.SetLinger(0)
		_ = client.Close()
	} else {
		_ = backend.Close()
	}
	o := <-done
	_ = copies.Close()
	r.end()

	if o.TapKept+o.TapSkipped != 10_000+megabytes || o.FromClient != 10_000 || o.FromBackend != megabytes {
		t.Errorf("outcome %+v", o)
	}
	ways := follow(t, read(t, r.file("db")))
	up, down := ways[way{from, to}], ways[way{to, from}]
	if up.offset != o.FromClient || down.offset != o.FromBackend || up.kept+down.kept != o.TapKept {
		t.Errorf("recorded %+v and %+v; outcome %+v", up, down, o)
	}
	if up.rst != reset || up.fin == reset || down.fin == reset || down.rst {
		t.Errorf("recorded ends %+v and %+v", up, down)
	}
	tshark(t, r.file("db"))
}
