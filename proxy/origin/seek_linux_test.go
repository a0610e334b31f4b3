package origin

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// patient is how long a test waits for what must come.
const patient = time.Minute

// waiter is a seeker that waits for its answer.
type waiter chan flow.Origin

func (w waiter) Wanted() bool { return true }

func (w waiter) Urgent() bool { return true }

func (w waiter) Met(flow.Origin) {}

func (w waiter) Found(o flow.Origin) { w <- o }

func newWaiter() waiter { return make(waiter, 1) }

func (w waiter) wait(t testing.TB) flow.Origin {
	t.Helper()
	select {
	case o := <-w:
		return o
	case <-time.After(patient):
		t.Fatal("no answer")
		return flow.Origin{}
	}
}

func running(t testing.TB, c ResolverConfig) *Resolver {
	t.Helper()
	r, err := NewResolver(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { cancel(); group.Wait() })
	return r
}

// find is the answer about the client of an accepted connection.
func find(t testing.TB, r *Resolver, accepted net.Conn) flow.Origin {
	t.Helper()
	lead, known := leadOf(t, accepted)
	w := newWaiter()
	r.Seek(lead, known, time.Now().Add(patient), w)
	return w.wait(t)
}

func leadOf(t testing.TB, accepted net.Conn) (flow.Lead, flow.Origin) {
	t.Helper()
	d, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written
	return lookUp(d, accepted)
}

// lookUp does what package peer does.
func lookUp(d *sockdiag.Conn, accepted net.Conn) (flow.Lead, flow.Origin) {
	local, remote := addrPort(accepted.RemoteAddr()), addrPort(accepted.LocalAddr())
	s, err := d.Lookup(local, remote, 0)
	uid, known := s.Owner()
	if err != nil || !known {
		return flow.Lead{}, flow.Origin{}
	}
	return flow.Lead{Local: local, Remote: remote, Inode: uint64(s.Inode)},
		flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uid}
}

func addrPort(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// accept takes a client that says who it is.
func accept(t testing.TB, l net.Listener) (c net.Conn, pid int) {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, whoSays(c)
}

// connect connects the test itself, and returns both ends.
func connect(t testing.TB, l net.Listener) (own, accepted net.Conn) {
	t.Helper()
	own, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	if accepted, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	return own, accepted
}

func whoSays(c net.Conn) int {
	var b [4]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return 0
	}
	return int(binary.NativeEndian.Uint32(b[:]))
}
