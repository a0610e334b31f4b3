package lanetest

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// unbounded is more than the kernel's buffers of two connections ever hold.
const unbounded = 256 << 20

// fillUp writes until nothing is taken any more, and returns how much was. It gives up at unbounded.
func fillUp(t testing.TB, c net.Conn, s stream) int {
	t.Helper()
	return fillUpFrom(t, c, s, 0)
}

// fillUpFrom goes on with a stream of which n bytes were sent. It answers how many were now.
func fillUpFrom(t testing.TB, c net.Conn, s stream, n int) int {
	t.Helper()
	b := make([]byte, 64<<10)
	for n < unbounded {
		_ = c.SetWriteDeadline(time.Now().Add(150 * time.Millisecond))
		m, err := c.Write(s.fill(b, uint64(n)))
		n += m
		if errors.Is(err, os.ErrDeadlineExceeded) && m == 0 {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("fill up: %v", err)
			break
		}
	}
	_ = c.SetWriteDeadline(time.Now().Add(Patience))
	return n
}

// backpressure stops the writers of both directions at once, and has everything delivered when the readers read.
func (k kit) backpressure(t *testing.T) {
	s := k.open(t, lane.Pair{})
	up, down := fillUp(t, s.Client, fromClient), fillUp(t, s.Backend, fromBackend)
	if up >= unbounded || down >= unbounded {
		t.Fatalf("not stopped: %d bytes from the client, %d from the backend", up, down)
	}
	closeWrite(t, s.Client)
	closeWrite(t, s.Backend)
	if n, err := fromClient.rest(s.Backend); n != uint64(up) || err != nil {
		t.Errorf("backend read %d of %d bytes, error %v", n, up, err)
	}
	if n, err := fromBackend.rest(s.Client); n != uint64(down) || err != nil {
		t.Errorf("client read %d of %d bytes, error %v", n, down, err)
	}
	o := s.outcome(t)
	if o.End != flow.EndFIN || o.FromClient != uint64(up) || o.FromBackend != uint64(down) {
		t.Errorf("outcome %s with %d and %d bytes, want fin with %d and %d", o.End, o.FromClient, o.FromBackend, up, down)
	}
}

// memory holds the lane to two buffers of 64 KiB for a session whose receivers do not read.
func (k kit) memory(t *testing.T) {
	const sessions, each = 16, 2*(64<<10) + 32<<10
	open := make([]*session, sessions)
	for i := range open {
		open[i] = k.open(t, lane.Pair{})
	}
	before := heap()
	var filled sync.WaitGroup
	for _, s := range open {
		filled.Go(func() { fillUp(t, s.Client, fromClient) })
		filled.Go(func() { fillUp(t, s.Backend, fromBackend) })
	}
	filled.Wait()
	if grown := heap() - before; grown > sessions*each {
		t.Errorf("%d blocked sessions hold %d bytes of heap each, more than %d", sessions, grown/sessions, each)
	}
	runtime.KeepAlive(open)
}

// idleMemory holds the lane to less than a buffer for a session in which nothing moves, stacks included.
func (k kit) idleMemory(t *testing.T) {
	if portable {
		t.Skip("the portable sockets wait with a buffer in hand")
	}
	const sessions, each = 200, 20 << 10
	l := k.newLane(t)
	passes := 100
	if k.gate != nil {
		passes = k.gate(0, fromClient.bytes(passes), false).Pass
	}
	before := heap()
	open := make([]*session, sessions)
	for i := range open {
		open[i] = k.openOn(t, l, lane.Pair{})
		fromClient.send(t, open[i].Client, 100)
		fromClient.expect(t, open[i].Backend, passes)
		fromBackend.send(t, open[i].Backend, 100)
		fromBackend.expect(t, open[i].Client, 100)
		if i%10 == 0 {
			heap() // empties pools, so that a buffer that a session still refers to is seen
		}
	}
	if grown := heap() - before; grown > sessions*each {
		t.Errorf("%d idle sessions hold %d bytes each, more than %d", sessions, grown/sessions, each)
	}
	for _, s := range open {
		s.control.Kill(flow.EndDrain)
		s.outcome(t)
	}
	closeLane(t, l)
}

// heap is what is allocated, and the stacks of goroutines.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools keep what they lend for one collection
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
