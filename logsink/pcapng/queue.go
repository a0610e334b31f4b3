package pcapng

import (
	"sync"
	"sync/atomic"
)

const (
	// wakeBytes and wakeEntries are how much may gather before the writer is told not to wait any longer.
	wakeBytes   = 256 << 10
	wakeEntries = 1 << 10
)

// place is where an entry stands, as long as its batch is not with the writer.
type place struct {
	batch uint64
	index int
}

// queue holds what taps told and the writer has not taken yet, in the order in which it was told: an answer comes
// after its question, though two goroutines tell them.
type queue struct {
	budget *budget
	memory *memory
	// some tells that the queue is no longer empty, many that the writer should hurry.
	some, many chan struct{}

	mu       sync.Mutex
	closed   bool
	failed   atomic.Bool // no session may begin; it changes with the lock only
	entries  []entry
	bytes    int
	batch    uint64 // counts calls of swap, from 1
	holding  holding
	conduits []*conduit // as many as were needed
}

func newQueue(b *budget, m *memory) *queue {
	return &queue{
		budget: b, memory: m, some: make(chan struct{}, 1), many: make(chan struct{}, 1), batch: 1,
		holding: newHolding(m.max),
	}
}

// push reports whether the entry was queued; it is not when the queue is closed or the session was cut short.
func (q *queue) push(e entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || e.tap.cut || e.kind == kindOpen && q.failed.Load() {
		return false
	}
	q.add(e)
	return true
}

// connected queues that a session's backend was reached. When the writer has not seen its beginning yet it learns of
// both at once.
func (q *queue) connected(t *tap, at int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || t.cut {
		return
	}
	if e := q.find(t.opened); e != nil {
		e.connected = true
	}
	q.add(entry{tap: t, kind: kindConnected, at: at})
}

// end queues the end of a session, and has the lane leave if it waits.
func (q *queue) end(e entry) {
	q.mu.Lock()
	woken := q.holding.leave(e.tap)
	if e.tap.cut {
		e.kind = kindGone
	}
	if !q.closed {
		q.add(e)
	}
	q.mu.Unlock()
	wake(woken)
}

func (q *queue) add(e entry) *entry {
	if len(q.entries) == 0 {
		signal(q.some)
	}
	at := place{q.batch, len(q.entries)}
	e.tap.latest = at
	switch e.kind {
	case kindOpen:
		e.tap.opened = at
	case kindPass:
		e.tap.last[e.dir] = at
	case kindAnswered: // what is written next is none of what was told before
		e.tap.last = [2]place{}
	}
	q.entries = append(q.entries, e)
	q.bytes += e.size()
	q.holding.queued += int64(e.size())
	if q.bytes >= wakeBytes || len(q.entries) >= wakeEntries {
		signal(q.many)
	}
	return &q.entries[at.index]
}

func (q *queue) find(p place) *entry {
	if p.batch != q.batch {
		return nil
	}
	return &q.entries[p.index]
}

// swap returns what is queued, and takes empty to be filled next.
func (q *queue) swap(empty []entry) []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	full := q.entries
	q.entries, q.bytes = empty[:0], 0
	q.batch++
	return full
}

// fail lets no session begin, or again.
func (q *queue) fail(failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed.Store(failed)
}

// close lets nothing in any more; false when it was closed before.
func (q *queue) close() bool {
	q.mu.Lock()
	was := q.closed
	q.closed = true
	woken := q.holding.all()
	q.mu.Unlock()
	wake(woken)
	return !was
}

// release closes the conduits, when nothing is in them and nothing comes any more.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.conduits {
		c.close()
	}
	q.conduits = nil
}

// over says whether it was closed.
func (q *queue) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
