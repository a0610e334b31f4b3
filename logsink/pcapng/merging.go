package pcapng

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// atOnce is how long a write may take to be shown together with its read, and how far apart lengths may be to be
// shown as one while there is memory.
const atOnce = int64(time.Millisecond)

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
	if e == nil || e.kind != kindPass || e.size() > 0 {
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
