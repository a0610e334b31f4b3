//go:build !portable

package lane

import (
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Listening is a listening socket that the loops watch.
type Listening struct {
	loop   *Loop
	fd     int
	ready  func(on *Worker)
	paused atomic.Bool
	stop   sync.Once
}

// Listen has ready called on one of the loops whenever a connection waits at fd, a nonblocking listening socket. ready is
// called again as long as some wait. It must not block.
func (l *Loop) Listen(fd int, ready func(on *Worker)) (*Listening, error) {
	l.ensure()
	x := &Listening{loop: l, fd: fd, ready: ready}
	for _, w := range l.workers {
		w.Post(listen{x})
		// One loop is woken for a connection, not all.
		if err := epollAdd(w.epoll, fd, unix.EPOLLIN|unix.EPOLLEXCLUSIVE, int32(fd), 0); err != nil {
			x.Pause()
			x.forget(func() {})
			return nil, fmt.Errorf("watch listening socket: %w", err)
		}
	}
	return x, nil
}

// serve is called when a connection waits.
func (x *Listening) serve(on *Worker) {
	if !x.paused.Load() {
		x.ready(on)
	}
}

// Pause stops the calls at once, without waiting; it may be called from ready itself. What runs on other loops at the
// time goes on. To resume, call Stop and then Listen anew.
func (x *Listening) Pause() {
	if x.paused.Swap(true) {
		return
	}
	for _, w := range x.loop.workers {
		_ = epollRemove(w.epoll, x.fd) // fails where it was not added yet
	}
}

// Stop ends the calls. When it has returned, ready is not running and will not be called any more. It must not be
// called on a loop.
func (x *Listening) Stop() {
	x.Pause()
	x.stop.Do(func() {
		var passed sync.WaitGroup
		passed.Add(len(x.loop.workers))
		x.forget(passed.Done)
		passed.Wait()
	})
}

// forget has every loop forget the socket and then call done.
func (x *Listening) forget(done func()) {
	for _, w := range x.loop.workers {
		if !w.post(unlisten{x, done}) {
			done()
		}
	}
}

// listen has a loop know the socket.
type listen struct{ x *Listening }

func (t listen) Run(on *Worker) { on.listening[int32(t.x.fd)] = t.x }

// unlisten has a loop forget it; that it runs also says that ready does not.
type unlisten struct {
	x    *Listening
	done func()
}

func (t unlisten) Run(on *Worker) {
	if on.listening[int32(t.x.fd)] == t.x {
		delete(on.listening, int32(t.x.fd))
	}
	t.done()
}
