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
	r, w    int
	reading atomic.Bool // the writer has it; who comes meanwhile would wait for it in the kernel
	broken  atomic.Bool // what comes out is not known any more
}

const (
	// conduitSize is what an unprivileged process may ask for (pipe(7), pipe-max-size): 256 slots. Each holds what one piece of
	// a socket's memory has, up to 32 KiB from this machine, and a single packet's payload from others.
	conduitSize = 1 << 20
	maxConduits = 4
)

// newConduit answers nil for want of descriptors, or of the pages that a user's pipes may have.
func newConduit() *conduit {
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC) != nil {
		return nil
	}
	c := &conduit{r: fds[0], w: fds[1]}
	if _, err := unix.FcntlInt(uintptr(c.w), unix.F_SETPIPE_SZ, conduitSize); err != nil {
		c.close()
		return nil
	}
	return c
}

// take copies references to at most n bytes of a pipe, and answers to how many: none when it has no room.
func (c *conduit) take(from, n int) int {
	for !c.reading.Load() && !c.broken.Load() {
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
	c.reading.Store(true)
	defer c.reading.Store(false)
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
	if d == flow.FromClient && t.hello != nil || t.blind.Load() || t.Plan.MaxPerSession > 0 || t.Plan.SnapPayload > 0 {
		return 0
	}
	r, claimed, cost := t.rec, t.claims(n), t.costs(n)
	if !r.memory.claim(&t.held, claimed, t.Plan.Hold) {
		return 0
	}
	if !r.budget.takePayload(t.charged(cost)) {
		r.memory.waive(&t.held, claimed)
		return 0
	}
	taken := r.queue.pipe(t, d, at.UnixNano(), fd, n)
	r.memory.waive(&t.held, claimed-t.claims(taken))
	r.budget.settle(t.charged(cost-t.costs(taken)), 0)
	t.told[d] += uint64(taken)
	t.unwritten[d] += uint64(taken)
	return taken
}

// Beside is nobody.
func (t *tap) Beside() flow.Tap { return nil }

// claims is the memory that the buffers of n piped bytes take, costs what they take of the disk at most.
func (t *tap) claims(n int) int64 {
	return inPieces(n, t.rec.memory.charge)
}

func (t *tap) costs(n int) int64 {
	return t.legs() * inPieces(n, keptCost)
}

// inPieces sums of for n bytes, a buffer's worth at a time.
func inPieces(n int, of func(int) int64) int64 {
	sum := int64(n/maxBuffer) * of(maxBuffer)
	if rest := n % maxBuffer; rest > 0 {
		sum += of(rest)
	}
	return sum
}

// pipe queues the bytes at the front of a pipe, at most n, and answers how many.
func (q *queue) pipe(t *tap, d flow.Direction, at int64, from, n int) (taken int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || t.cut {
		return 0
	}
	c, taken := q.conduct(from, n)
	for rest := taken; rest > 0; {
		e := entry{tap: t, kind: kindPass, dir: d, at: at, from: c, piped: min(rest, maxBuffer)}
		e.length[d], e.cost = uint64(e.piped), t.costs(e.piped)
		q.add(e)
		rest -= e.piped
	}
	return taken
}

// conduct takes the bytes into the first conduit that has room.
func (q *queue) conduct(from, n int) (*conduit, int) {
	for i := range maxConduits {
		if i == len(q.conduits) {
			c := newConduit()
			if c == nil {
				break
			}
			q.conduits = append(q.conduits, c)
		}
		if taken := q.conduits[i].take(from, n); taken > 0 {
			return q.conduits[i], taken
		}
	}
	return nil, 0
}
