//go:build !portable

package lane

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Loop is Linux's lane: a few epoll loops, no goroutine a session.
type Loop struct {
	config  LoopConfig
	workers []*Worker
	start   sync.Once
	end     sync.Once
	running sync.WaitGroup // sessions
	loops   sync.WaitGroup
}

// NewLoop checks c and returns a lane. Its loops start with the first Start, Listen or Post, and end with Close, which
// the lane needs in any case.
func NewLoop(c LoopConfig) (*Loop, error) {
	c, err := c.checked()
	if err != nil {
		return nil, err
	}
	l := &Loop{config: c}
	for range c.Loops {
		w, err := newWorker(l)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("loop lane: %w", err), l.Close())
		}
		l.workers = append(l.workers, w)
	}
	return l, nil
}

// Name is "loop".
func (l *Loop) Name() string { return "loop" }

// Start begins to move bytes between the two ends of p, on the loop that has the fewest sessions.
func (l *Loop) Start(p Pair, done func(flow.Outcome)) Control {
	s := newLoopSession(l.Least(), p, done)
	s.worker.Post(s)
	return s
}

// Least is the loop that has the fewest sessions.
func (l *Loop) Least() *Worker { return l.workers[0].Least() }

// Close waits until every session has called done, ends the loops and closes their descriptors. What is posted
// afterwards is not run.
func (l *Loop) Close() error {
	l.running.Wait()
	var errs []error
	l.end.Do(func() {
		l.start.Do(func() {}) // a loop that has not started will not
		for _, w := range l.workers {
			w.mail.post(stop{})
		}
		l.loops.Wait()
		for _, w := range l.workers {
			errs = append(errs, w.close())
		}
	})
	return errors.Join(errs...)
}

// ensure starts the loops once.
func (l *Loop) ensure() {
	l.start.Do(func() {
		// A loop that holds its processor while it waits needs that others are left for everybody else.
		hold := runtime.GOMAXPROCS(0) > len(l.workers)
		for _, w := range l.workers {
			w.hold = hold
			l.loops.Go(w.run)
		}
	})
}

// stop ends a loop.
type stop struct{}

func (stop) Run(on *Worker) { on.stopped = true }
