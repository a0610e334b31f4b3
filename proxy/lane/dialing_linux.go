//go:build !portable

package lane

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// dialing is a session whose backend is not connected yet.
type dialing struct {
	session   *loopSession
	connected func(error)
	timer     timer
}

// Connect runs a session whose backend socket is still connecting: a nonblocking connect(2) that said EINPROGRESS, or
// succeeded. connected is called once on this loop when that is over, and not before Connect has returned.
//
// With nil the session runs as after Start. With an error (connect's, [os.ErrDeadlineExceeded] at the deadline,
// [ErrClientGone] when the client was reset or hung up altogether meanwhile, [ErrKilled] after Kill) p.Backend has been
// closed, p.Client is the caller's again, untouched and no longer watched, and done is never called. A zero deadline is
// none.
func (w *Worker) Connect(p Pair, deadline time.Time, connected func(error), done func(flow.Outcome)) Control {
	s := newLoopSession(w, p, done)
	d := &dialing{session: s, connected: connected}
	d.timer.owner = d
	s.dial = d
	if err := w.watch(s); err != nil {
		w.Post(connectFailed{d, err})
		return s
	}
	if !deadline.IsZero() {
		w.timers.set(&d.timer, deadline.Sub(w.epoch))
	}
	return s
}

type connectFailed struct {
	dial *dialing
	err  error
}

func (t connectFailed) Run(*Worker) {
	if !t.dial.session.over {
		t.dial.fail(t.err)
	}
}

// due is the deadline.
func (d *dialing) due(time.Duration) { d.fail(os.ErrDeadlineExceeded) }

// serve handles what epoll says of an end while the backend is connecting. Bytes stay where they are.
func (d *dialing) serve(from flow.Direction, events uint32) {
	s := d.session
	torn := events&(unix.EPOLLERR|unix.EPOLLHUP) != 0
	switch {
	case from == flow.FromClient:
		if torn {
			d.fail(ErrClientGone)
		}
	case torn:
		err := s.ends[from].failureIn(s.fd(from), events)
		if err == nil {
			err = unix.ECONNRESET
		}
		d.fail(err)
	case events&unix.EPOLLOUT != 0: // neither failed nor still waiting
		d.succeed()
	}
}

func (d *dialing) succeed() {
	s := d.session
	s.worker.timers.stop(&d.timer)
	s.dial = nil
	d.connected(nil)
	s.begin()
	s.pump(flow.FromClient)
	s.pump(flow.FromBackend)
}

func (d *dialing) fail(err error) {
	s, w := d.session, d.session.worker
	s.over = true
	w.timers.stop(&d.timer)
	w.forget(s)
	_ = epollRemove(w.epoll, s.fd(flow.FromClient))
	_ = s.ends[flow.FromBackend].Close()
	w.sessions.Add(-1)
	s.tapping, s.gating, s.amend, s.done, s.dial = nil, nil, nil, nil, nil
	d.connected(err) // which may connect the client to another backend
	w.loop.running.Done()
}
