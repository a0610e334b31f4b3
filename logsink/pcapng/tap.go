package pcapng

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// tap is one session's flow.Tap.
type tap struct {
	rec           *Recorder
	service       string
	id            flow.SessionID
	client, front netip.AddrPort

	kept, skipped [2]uint64    // by direction; its caller's alone
	held          atomic.Int64 // memory that waits for the writer

	// Guarded by the queue's lock: cut says that the rest of the session is not in the recording, run is the entry
	// that lengths may still be added to.
	cut bool
	run struct {
		batch uint64
		index int
	}

	// The writer's.
	file   *file
	stream *stream
	at     int64 // time of the last packet
}

// Data keeps a copy of b, or its length when memory or disk have no room for it.
func (t *tap) Data(d flow.Direction, at time.Time, b []byte) {
	when := at.UnixNano()
	for len(b) > 0 {
		n := min(len(b), maxBuffer)
		if !t.keep(d, when, b[:n]) {
			t.skip(d, when, uint64(n))
		}
		b = b[n:]
	}
}

// Skipped keeps the length of bytes that nobody could see.
func (t *tap) Skipped(d flow.Direction, at time.Time, n uint64) {
	if n > 0 {
		t.skip(d, at.UnixNano(), n)
	}
}

// Shut keeps the orderly end of a direction.
func (t *tap) Shut(d flow.Direction, at time.Time) {
	t.rec.queue.push(entry{tap: t, kind: kindShut, dir: d, at: at.UnixNano()})
}

// Done keeps the session's end as it happened. What it says to be kept is on its way to the disk; when the disk fails
// afterwards, Config.Trouble is told and Stats counts what was lost.
func (t *tap) Done(at time.Time, o *flow.Outcome) (kept, skipped uint64) {
	e := entry{tap: t, kind: kindReset, dir: flow.FromBackend, at: at.UnixNano(), cost: endCost}
	switch {
	case o != nil && o.End == flow.EndFIN:
		e.kind = kindEnd
	case o != nil && o.EndedBy == flow.SideClient:
		e.dir = flow.FromClient
	}
	t.rec.queue.push(e)
	kept, skipped = t.kept[0]+t.kept[1], t.skipped[0]+t.skipped[1]
	t.rec.kept.Add(kept)
	t.rec.skipped.Add(skipped)
	return kept, skipped
}

func (t *tap) keep(d flow.Direction, at int64, b []byte) bool {
	r := t.rec
	buf := r.memory.take(&t.held, len(b))
	if buf == nil {
		return false
	}
	cost := keptCost(len(b))
	if !r.budget.takePayload(cost) {
		r.memory.give(&t.held, buf)
		return false
	}
	copy(buf.b, b)
	if !r.queue.push(entry{tap: t, kind: kindData, dir: d, at: at, cost: cost, buf: buf}) {
		r.budget.settle(cost, 0)
		r.memory.give(&t.held, buf)
		return false
	}
	t.kept[d] += uint64(len(b))
	return true
}

func (t *tap) skip(d flow.Direction, at int64, n uint64) {
	t.skipped[d] += n
	t.rec.queue.skip(t, d, at, n)
}
