package pcapng

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// conduit is a pipe of references to bytes that a lane has spliced. What goes in stands in the queue in the same order, so
// that the writer knows what comes out.
type conduit struct {
	r, w   int
	broken atomic.Bool // what comes out is not known any more
}

// conduitSize is what an unprivileged process may ask for (pipe(7), pipe-max-size). A slot of the 256 that this makes holds
// up to the 32 KiB that a TCP socket of this machine sends in one piece.
const (
	conduitSize = 1 << 20
	maxConduits = 4
)

func newConduit() *conduit {
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, conduitSize)
	return &conduit{r: fds[0], w: fds[1]}
}

// take copies references to at most n bytes of a pipe, and answers to how many: none when it has no room.
func (c *conduit) take(from, n int) int {
	for !c.broken.Load() {
		taken, err := unix.Tee(from, c.w, n, unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(max(taken, 0))
		}
	}
	return 0
}

// read reads what was taken. It is false when that is not there, which of a pipe is not known to happen; nothing that
// comes later is true then.
func (c *conduit) read(b []byte) bool {
	for len(b) > 0 && !c.broken.Load() {
		n, err := unix.Read(c.r, b)
		if err != unix.EINTR && n <= 0 {
			c.broken.Store(true)
		}
		b = b[max(n, 0):]
	}
	return !c.broken.Load()
}

func (c *conduit) close() {
	_ = unix.Close(c.r)
	_ = unix.Close(c.w)
}

// Piped takes what is in a pipe, for the writer to read: nobody before it has to. It wants to be shown what it may not keep
// whole.
func (t *tap) Piped(d flow.Direction, at time.Time, fd, n int) int {
	if t.hello != nil && d == flow.FromClient || t.blind.Load() || t.Plan.MaxPerSession > 0 || t.Plan.SnapPayload > 0 {
		return 0
	}
	n = min(n, maxPiped)
	if !t.rec.memory.claim(&t.held, n, t.Plan.Hold) {
		return 0
	}
	e := entry{tap: t, kind: kindPass, dir: d, at: at.UnixNano(), claimed: n, cost: t.legs() * keptCost(n)}
	taken := 0
	if t.rec.budget.takePayload(t.charged(e.cost)) {
		if taken = t.rec.queue.pipe(e, fd, n); taken == 0 {
			t.rec.budget.settle(t.charged(e.cost), 0)
		}
	}
	if taken == 0 {
		t.rec.memory.waive(&t.held, n)
		return 0
	}
	t.told[d] += uint64(taken)
	t.unwritten[d] += uint64(taken)
	return taken
}

// Beside is nobody.
func (t *tap) Beside() flow.Tap { return nil }

// pipe queues the bytes at the front of a pipe, at most n, and answers how many.
func (q *queue) pipe(e entry, from, n int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || e.tap.cut {
		return 0
	}
	if !q.conduct(&e, from, n) {
		return 0
	}
	e.length[e.dir] = uint64(e.piped)
	q.add(e)
	return e.piped
}

// conduct takes the bytes into the first conduit that has room.
func (q *queue) conduct(e *entry, from, n int) bool {
	for i := 0; i < maxConduits; i++ {
		if i == len(q.conduits) {
			c := newConduit()
			if c == nil {
				return false
			}
			q.conduits = append(q.conduits, c)
		}
		e.from = q.conduits[i]
		if e.piped = e.from.take(from, n); e.piped > 0 {
			return true
		}
	}
	return false
}
