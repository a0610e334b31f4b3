package logsink

import (
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
)

// queue holds a bounded number of entries between the sessions and one sink. When it is full the newest are left out,
// so that what is missing is in one place, after what was queued.
type queue struct {
	limit int
	wake  chan struct{} // holds one token when there is something to take
	hurry chan struct{} // holds one token when that should not wait: half of the room is taken, or the queue is closed

	mu      sync.Mutex
	entries []*flow.Entry
	missed  uint64 // since the last take
	dropped uint64
	closed  bool
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// put adds an entry, or counts it as missed. It never waits. Only the first entry since the last take wakes the sink.
func (q *queue) put(e *flow.Entry) {
	q.mu.Lock()
	first := len(q.entries) == 0 && q.missed == 0
	switch {
	case q.closed:
		q.dropped++
	case len(q.entries) >= q.room(e.Record.Event):
		q.missed++
		q.dropped++
	default:
		q.entries = append(q.entries, e)
	}
	half := len(q.entries) == (q.limit+1)/2
	q.mu.Unlock()
	if first {
		signal(q.wake)
	}
	if half {
		signal(q.hurry)
	}
}

// room is how long the queue may be before e is left out: sessions that come and go must not push out the refusals and
// alerts, so a part is kept for those, and what is asked in sessions must not push out the sessions.
func (q *queue) room(e flow.Event) int {
	switch e {
	case flow.EventOperation:
		return q.limit / 2
	case flow.EventSessionOpen, flow.EventSessionOrigin, flow.EventSessionClose:
		return q.limit - q.limit/8
	default:
		return q.limit
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take removes all entries; spare is used to hold the coming ones.
func (q *queue) take(spare []*flow.Entry) (entries []*flow.Entry, missed uint64, last bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	entries, missed = q.entries, q.missed
	q.entries, q.missed = spare[:0], 0
	return entries, missed, q.closed
}

// close says that nothing is put any more.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	signal(q.wake)
	signal(q.hurry)
}

// abandon closes the queue and counts what is left in it, and n entries more, as dropped.
func (q *queue) abandon(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.dropped += uint64(n + len(q.entries))
	q.entries = nil
}

func (q *queue) counts() (queued, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return uint64(len(q.entries)), q.dropped
}
