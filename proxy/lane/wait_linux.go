//go:build !portable

package lane

import (
	"time"
)

// wait returns how many events there are. It does not wait while there is other work.
//
// At first it waits in the kernel while Go believes that the thread is computing (hold): the thread keeps its processor,
// so that nobody has to be woken, neither for handing it on nor for getting it back. Only a loop that had nothing to do
// for that long gives it away.
func (w *Worker) wait() int {
	if len(w.ready) > 0 || w.mail.waiting.Load() {
		return epollHold(w.epoll, w.events, 0)
	}
	if n := w.spin(); n > 0 || !w.mail.sleep() {
		return n
	}
	defer w.mail.awake()
	ms := w.patience()
	if w.hold {
		short := min(uint(ms), uint(holdFor/time.Millisecond)) // -1 is for ever
		n := epollHold(w.epoll, w.events, int(short))
		if n > 0 || !w.mail.sleeping.Load() || int(short) == ms {
			return n
		}
		ms = w.patience()
	} else if n := epollHold(w.epoll, w.events, 0); n > 0 {
		return n
	}
	return epollBlock(w.epoll, w.events, ms)
}

// spin asks for events again and again, as long as it may.
func (w *Worker) spin() int {
	for rest := w.loop.config.Spin; rest > 0; {
		began := time.Now()
		if n := epollHold(w.epoll, w.events, 0); n > 0 || w.mail.waiting.Load() {
			return n
		}
		rest -= time.Since(began)
	}
	return 0
}

// patience is for how many milliseconds the loop may wait; -1 is for ever.
func (w *Worker) patience() int {
	at, is := w.timers.next()
	if !is {
		return -1
	}
	rest := at - w.now()
	return int(max(0, min((rest+time.Millisecond-1)/time.Millisecond, 1<<30)))
}
