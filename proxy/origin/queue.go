package origin

import (
	"context"
	"sync"
	"time"
)

// queueMax bounds the searches that have not been looked at yet: as many as thousands of connections a second bring
// while one large scan lasts.
const queueMax = 8192

// queue is what Seek fills and Run empties.
type queue struct {
	mu     sync.Mutex
	seeks  []seek
	asleep bool          // who takes is waiting for wake
	dozing bool          // so it is, but looks by itself soon: only who is urgent wakes it
	closed bool          // nobody takes any more
	wake   chan struct{} // of size 1
}

// add says whether there was room.
func (q *queue) add(s *seek) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.seeks) >= queueMax {
		return false
	}
	q.seeks = append(q.seeks, *s)
	if q.asleep && (s.urgent || !q.dozing) {
		q.asleep = false
		q.wake <- struct{}{} // there is room: only who has set asleep, and taken the last one, sets it again
	}
	return true
}

// urgent says whether somebody who has come is kept waiting.
func (q *queue) urgent() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.seeks {
		if q.seeks[i].urgent {
			return true
		}
	}
	return false
}

// take moves what has come behind all. The two slices change places when all is empty, so that nothing is copied, and
// nothing allocated for long, but after a storm.
func (q *queue) take(all []seek) []seek {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(all) == 0 {
		all, q.seeks = q.seeks, all[:0]
	} else {
		all = append(all, q.seeks...)
		clear(q.seeks)
		q.seeks = q.seeks[:0]
	}
	if cap(q.seeks) > keepSeeks { // of a storm
		q.seeks = nil
	}
	return all
}

// Who takes looks by itself for a while before it sleeps: waking it is a system call on the path of a session, and an
// interrupt of another processor.
const (
	dozes = 50 // times
	doze  = 5 * time.Millisecond
)

// wait returns when there is something to take, at the latest at a moment (the zero one is never), or when ctx is over.
// Who adds pays for waking, but only when nobody has come for a while.
func (q *queue) wait(ctx context.Context, until time.Time) {
	for range dozes {
		soon := time.Now().Add(doze)
		if !until.IsZero() && until.Before(soon) {
			break
		}
		if q.sleep(ctx, soon, true); ctx.Err() != nil || q.some() {
			return
		}
	}
	q.sleep(ctx, until, false)
}

// some says whether there is something to take.
func (q *queue) some() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.seeks) > 0
}

// sleep waits until a moment, or until it is woken.
func (q *queue) sleep(ctx context.Context, until time.Time, dozing bool) {
	q.mu.Lock()
	q.asleep, q.dozing = len(q.seeks) == 0, dozing
	asleep := q.asleep
	q.mu.Unlock()
	if !asleep {
		return
	}
	var timeout <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-q.wake:
		return
	case <-timeout:
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.asleep { // somebody was quicker
		<-q.wake
	}
	q.asleep = false
}

// close lets nobody in any more, and returns who still waits.
func (q *queue) close() []seek {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	rest := q.seeks
	q.seeks = nil
	return rest
}
