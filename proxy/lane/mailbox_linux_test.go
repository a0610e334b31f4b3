//go:build !portable

package lane

import (
	"runtime"
	"sync"
	"testing"
	"unsafe"
)

// numbered is the nth task of a poster.
type numbered struct {
	poster, n int
	seen      *[]int // the last n of each poster
	t         *testing.T
	ran       chan<- int
}

func (x numbered) Run(*Worker) {
	if last := (*x.seen)[x.poster]; last != x.n-1 {
		x.t.Errorf("task %d of poster %d came after %d", x.n, x.poster, last)
	}
	(*x.seen)[x.poster] = x.n
	x.ran <- x.n
}

// TestPost posts from several goroutines to a loop that falls asleep again and again: every task runs, in the order of
// its poster, and none is left lying until somebody else wakes the loop.
func TestPost(t *testing.T) {
	l := newTestLoop(t, 1)
	const posters, tasks = 4, 500
	seen := make([]int, posters)
	var posting sync.WaitGroup
	for poster := range posters {
		posting.Go(func() {
			ran := make(chan int, tasks)
			for n := 1; n <= tasks; n++ {
				l.workers[0].Post(numbered{poster, n, &seen, t, ran})
				for waits := n%10 == poster && n < tasks; waits && <-ran < n; { // until it may sleep
				}
			}
			for n := range ran {
				if n == tasks {
					return
				}
			}
		})
	}
	posting.Wait()
	if err := l.Close(); err != nil {
		t.Errorf("close lane: %v", err)
	}
	if l.workers[0].post(stop{}) {
		t.Error("a loop that has ended took a task")
	}
}

func newTestLoop(t *testing.T, loops int) *Loop {
	t.Helper()
	l, err := NewLoop(LoopConfig{Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestSizes holds what an idle session costs.
func TestSizes(t *testing.T) {
	for name, x := range map[string]struct{ is, most uintptr }{
		"session":      {unsafe.Sizeof(loopSession{}), 176},
		"copy session": {unsafe.Sizeof(session{}), 696}, // and 8 that the allocator adds above 512 are the class of 704
		"socket":       {unsafe.Sizeof(Socket{}), 64},
	} {
		if x.is > x.most {
			t.Errorf("a %s has %d bytes, more than %d", name, x.is, x.most)
		}
	}
}

// TestStaleEvents has an event come for a session that has left the table, and whose place another has got.
func TestStaleEvents(t *testing.T) {
	l := newTestLoop(t, 1)
	w := l.workers[0]
	s := &loopSession{worker: w, tag: 2}
	w.table = []*loopSession{nil, s}
	for _, e := range []struct {
		fd, tag int32
	}{{0, 1}, {2, 1}} {
		stale := w.events[:1]
		stale[0].Fd, stale[0].Pad, stale[0].Events = e.fd, e.tag, ^uint32(0)
		w.serve(stale) // would dereference the session's ends, which it has not
	}
	if s.halves[0].state != 0 {
		t.Error("a stale event was served")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestHold has loops keep their processors only when others are left.
func TestHold(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for loops, hold := range map[int]bool{1: true, 2: false, 3: false} {
		l := newTestLoop(t, loops)
		l.ensure()
		if l.workers[0].hold != hold {
			t.Errorf("%d loops on 2 processors hold: %v", loops, l.workers[0].hold)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}
