//go:build !portable

package lane

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// holdFor is how long a loop waits without giving its processor back to Go. Requests that follow each other faster than
// that cost no wake-up but their own. In practice the runtime ends the wait with a signal after 10 ms, when it asks for
// the processor; a shorter time would only have the kernel start a clock for every wait.
const holdFor = time.Second

// tasksPasses is how often tasks that have come meanwhile are run before the sockets have their turn again.
const tasksPasses = 4

// way is one direction of a session.
type way struct {
	session   *loopSession
	direction flow.Direction
}

// run is the loop. Its goroutine is not locked to a thread: a locked one that the runtime preempts (every 10 ms, when it is
// busy) is handed from thread to thread, which took 9 futex calls each time instead of 4 (strace), and won nothing.
func (w *Worker) run() {
	for !w.stopped {
		w.serve(w.events[:w.wait()])
		w.serveReady()
		if at, is := w.timers.next(); is {
			if now := w.now(); at <= now {
				w.timers.run(now)
			}
		}
		w.finishTurn()
	}
	for _, t := range w.mail.close() {
		t.Run(w)
	}
}

// serve handles a batch of events.
func (w *Worker) serve(events []unix.EpollEvent) {
	for i := range events {
		e := &events[i]
		if e.Pad == 0 { // the eventfd or a listening socket
			if x := w.listening[e.Fd]; x != nil {
				x.serve(w)
			}
			continue
		}
		// A session that ended in this batch has left the table; another may have got its place since.
		if s := w.table[e.Fd>>1]; s != nil && s.tag == uint32(e.Pad) {
			s.serve(flow.Direction(e.Fd&1), e.Events)
		}
	}
}

// later has the direction go on in the next turn, when the others have had theirs.
func (w *Worker) later(s *loopSession, d flow.Direction) {
	if h := &s.halves[d]; h.state&queued == 0 {
		h.state |= queued
		w.ready = append(w.ready, way{s, d})
	}
}

func (w *Worker) serveReady() {
	now := w.ready
	w.ready = w.served
	for _, r := range now {
		r.session.halves[r.direction].state &^= queued
		r.session.pump(r.direction)
	}
	clear(now)
	w.served = now[:0]
}

// finishTurn runs the tasks, and Turn after them: what a task has left to it must not wait for the next event. Turn may
// post to this very loop.
func (w *Worker) finishTurn() {
	for range tasksPasses {
		w.runTasks()
		w.loop.config.Turn()
		if !w.mail.waiting.Load() {
			return
		}
	}
}

func (w *Worker) runTasks() {
	tasks := w.mail.take(w.tasks)
	if tasks == nil {
		return
	}
	for _, t := range tasks {
		t.Run(w)
	}
	w.tasks = tasks
}
