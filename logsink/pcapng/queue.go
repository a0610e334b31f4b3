package pcapng

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

type kind uint8

const (
	kindOpen      kind = iota // a session began
	kindConnected             // its backend was reached
	kindPass                  // bytes were told, as payload or as a length, or written
	kindAnswered              // lodoor spoke itself
	kindShut                  // a direction's orderly end
	kindEnd                   // both sides closed in order
	kindReset                 // by's side ended the session
	kindGone                  // the end of a session that was cut short: nothing is written
)

// entry is one event of a session on its way to the writer.
type entry struct {
	tap       *tap
	kind      kind
	dir       flow.Direction
	by        flow.Side
	why       reason // for what is not kept
	connected bool   // of an opening: the backend's addresses are known
	charged   bool   // it counts as memory
	at        int64  // ns since 1970
	cost      int64  // taken from the budget
	buf       *buffer
	taken     uint64
	// length are the bytes told, written those that had been told and were written at writtenAt.
	length, written [2]uint64
	writtenAt       int64
}

const (
	// wakeBytes and wakeEntries are how much may gather before the writer is told not to wait any longer.
	wakeBytes   = 256 << 10
	wakeEntries = 1 << 10
	// atOnce is how long a write may take to be shown together with its read, and how far apart lengths may be to be
	// shown as one while there is memory.
	atOnce = int64(time.Millisecond)
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

	mu      sync.Mutex
	closed  bool
	failed  atomic.Bool // no session may begin; it changes with the lock only
	entries []entry
	bytes   int
	batch   uint64 // counts calls of swap, from 1
	holding holding
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

// length queues the length of bytes that were not kept; passed says that they have been written, too. Lengths that
// follow each other become one entry for both directions; the client's bytes are then shown first, since a question
// precedes its answer. A session whose lengths have no room on the disk is cut short.
func (q *queue) length(t *tap, d flow.Direction, at int64, n uint64, why reason, passed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || t.cut {
		return
	}
	e := q.mergeable(t, at, why)
	var before uint64
	if e != nil {
		before = e.length[d]
	}
	cost := t.legs() * (skippedCost(before+n) - skippedCost(before))
	if e = q.lengthen(t, e, at, cost); e == nil {
		return
	}
	e.why = max(e.why, why)
	e.length[d] += n
	if passed {
		e.written[d] += n
	}
	t.last[d] = t.latest
}

// written queues that the next n bytes of a direction are with the other side. It costs no entry when they are all that
// was waiting, the latest that were told, and were told a moment ago.
func (q *queue) written(t *tap, d flow.Direction, at int64, n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || t.cut {
		return
	}
	if e := q.find(t.last[d]); e != nil && at-e.at <= atOnce && t.unwritten[d]+e.written[d] <= e.length[d] {
		e.written[d] += n
		e.writtenAt = max(e.writtenAt, at)
		return
	}
	e := q.mergeable(t, at, whyNone)
	cost := int64(packetCost) // of the bytes it was taken before; this is for a packet that is cut in two
	if e != nil && e.written[d] > 0 {
		cost = 0
	}
	if e = q.lengthen(t, e, at, cost); e != nil {
		e.written[d] += n
		t.last[d] = place{}
	}
}

// mergeable is the session's latest entry when it has no payload and may become more: a moment later, or later while
// there is no memory for another one, so that a writer that has stopped costs none.
func (q *queue) mergeable(t *tap, at int64, why reason) *entry {
	e := q.find(t.latest)
	if e == nil || e.kind != kindPass || e.buf != nil {
		return nil
	}
	alike := why == whyNone || e.why == whyNone || e.why == why
	if (!alike || at-e.at > atOnce) && q.memory.free() > entryMemory {
		return nil
	}
	return e
}

// lengthen adds to the cost of e, or queues a new entry when that is nil; the answer is nil when there is no room.
func (q *queue) lengthen(t *tap, e *entry, at, cost int64) *entry {
	if !q.budget.takeLength(t.charged(cost)) {
		t.cut = true
		signal(q.some) // the writer says why
		return nil
	}
	if e == nil {
		e = q.add(entry{tap: t, kind: kindPass, at: at, charged: q.memory.reserve(entryMemory)})
	}
	e.cost += cost
	return e
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
	if e.buf != nil {
		q.bytes += len(e.buf.b)
		q.holding.queued += int64(len(e.buf.b))
	}
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
