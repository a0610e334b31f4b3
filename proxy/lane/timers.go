package lane

import (
	"container/heap"
	"time"
)

// timed is what owns an entry of a loop's timers.
type timed interface{ due(now time.Duration) }

// timer is an entry of a loop's timers: its owner is called once at a time, counted from the loop's epoch.
type timer struct {
	at    time.Duration
	owner timed
	place int // in the heap, from 1; 0 is not in it
}

// timers are all the timers of one loop. The zero value is ready. An owner does not move its timer whenever bytes do:
// it lets it come due, looks, and sets it anew.
type timers struct{ heap timerHeap }

// set has t come due at at, whether or not it was to come due before.
func (ts *timers) set(t *timer, at time.Duration) {
	t.at = at
	if t.place > 0 {
		heap.Fix(&ts.heap, t.place-1)
		return
	}
	heap.Push(&ts.heap, t)
}

// stop has t not come due.
func (ts *timers) stop(t *timer) {
	if t.place > 0 {
		heap.Remove(&ts.heap, t.place-1)
	}
}

// next is when the first comes due.
func (ts *timers) next() (at time.Duration, is bool) {
	if len(ts.heap) == 0 {
		return 0, false
	}
	return ts.heap[0].at, true
}

// run calls the owners of those that are due. One that is set meanwhile waits for the next run.
func (ts *timers) run(now time.Duration) {
	for n := len(ts.heap); n > 0 && len(ts.heap) > 0 && ts.heap[0].at <= now; n-- {
		t := heap.Pop(&ts.heap).(*timer)
		t.owner.due(now)
	}
}

// timerHeap is ordered by time; see container/heap.
type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

// Push is called by container/heap.
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.place = len(*h)
}

// Pop is called by container/heap.
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.place = 0
	return t
}
