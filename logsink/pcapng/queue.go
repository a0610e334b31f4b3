package pcapng

import (
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
)

type kind uint8

const (
	kindOpen  kind = iota // a session began
	kindData              // payload that was kept
	kindSkip              // lengths of both directions
	kindShut              // a direction's orderly end
	kindEnd               // both sides closed in order
	kindReset             // dir's sender ended the session
	kindGone              // the end of a session that was cut short: nothing is written
)

// entry is one event of a session on its way to the writer.
type entry struct {
	tap  *tap
	kind kind
	dir  flow.Direction
	at   int64 // ns since 1970
	cost int64 // taken from the budget
	buf  *buffer
	skip [2]uint64
}

const (
	// wakeBytes and wakeEntries are how much may gather before the writer is told not to wait any longer.
	wakeBytes   = 256 << 10
	wakeEntries = 1 << 10
)

// queue holds what taps told and the writer has not taken yet, in the order in which it was told: an answer comes
// after its question, though two goroutines tell them.
type queue struct {
	budget *budget
	// some tells that the queue is no longer empty, many that the writer should hurry.
	some, many chan struct{}

	mu      sync.Mutex
	closed  bool
	entries []entry
	bytes   int
	batch   uint64 // counts calls of swap, from 1
}

func newQueue(b *budget) *queue {
	return &queue{budget: b, some: make(chan struct{}, 1), many: make(chan struct{}, 1), batch: 1}
}

// push reports whether the entry was queued; it is not when the queue is closed or the session was cut short.
func (q *queue) push(e entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e.tap.cut && e.kind >= kindEnd {
		e.kind = kindGone
	}
	if q.closed || e.tap.cut && e.kind != kindGone {
		return false
	}
	e.tap.run.batch = 0
	q.add(e)
	return true
}

// skip queues the length of bytes that were not kept. Lengths that follow each other become one entry for both
// directions, so that a writer that has stopped costs no memory; the client's bytes are then shown first, since a
// question precedes its answer. A session whose lengths have no room on the disk is cut short.
func (q *queue) skip(t *tap, d flow.Direction, at int64, n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || t.cut {
		return
	}
	var before uint64
	merge := t.run.batch == q.batch
	if merge {
		before = q.entries[t.run.index].skip[d]
	}
	cost := skippedCost(before+n) - skippedCost(before)
	if !q.budget.takeLength(cost) {
		t.cut = true
		signal(q.some) // the writer says why
		return
	}
	if !merge {
		t.run.batch, t.run.index = q.batch, len(q.entries)
		q.add(entry{tap: t, kind: kindSkip, at: at})
	}
	e := &q.entries[t.run.index]
	e.skip[d] += n
	e.cost += cost
}

func (q *queue) add(e entry) {
	if len(q.entries) == 0 {
		signal(q.some)
	}
	q.entries = append(q.entries, e)
	if e.buf != nil {
		q.bytes += len(e.buf.b)
	}
	if q.bytes >= wakeBytes || len(q.entries) >= wakeEntries {
		signal(q.many)
	}
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

// close lets nothing in any more; false when it was closed before.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.closed
	q.closed = true
	return !was
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
