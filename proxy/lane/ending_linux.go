//go:build !portable

package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ending is the end of a session that does not end in order. When a side's connection is gone, what it had sent is read
// and written first (delivery); then the other end's kernel must have it (flush); then both ends are reset.
type ending struct {
	cause
	session         *loopSession
	at              time.Duration // when it was known
	fin             bool          // the side had sent FIN before it was reset
	flushing        bool
	timer           timer
	progress        uint64        // delivery: bytes that arrived; flush: bytes not acknowledged
	moved           time.Duration // flush: when that had changed
	pause           time.Duration // flush: until it is looked at again
	client, backend *flow.TCPInfo
}

// end notes why the session ends, and by whom; the first reason counts.
func (s *loopSession) end(err error, by flow.Side) {
	c := causeOf(err, by)
	if e := s.ending; e != nil {
		other := c.by != e.by
		if c.betters(e.cause) {
			e.cause = c
		}
		if other {
			s.abandon() // who was to receive the rest is gone too, or must not have it
		}
		return
	}
	s.ending = &ending{cause: c, session: s, at: s.worker.now(), fin: isBrokenPipe(err)}
	s.ending.timer.owner = s.ending
	if s.limits != nil {
		s.worker.timers.stop(&s.limits.timer)
	}
	if !c.gone() {
		s.settle()
		return
	}
	s.deliver(direction(c.by))
}

// deliver goes on with what was sent before the sender's connection was gone.
func (s *loopSession) deliver(d flow.Direction) {
	h, back := &s.halves[d], &s.halves[1-d]
	back.state |= ended // nobody receives it
	back.release(s.worker)
	if h.state&ended != 0 {
		s.settle()
		return
	}
	h.state |= readable | doubtful
	s.ending.progress = s.arrived(d)
	s.worker.timers.set(&s.ending.timer, s.ending.at+s.worker.loop.config.Stall)
	s.worker.later(s, d)
}

// arrived grows whenever the receiver of d takes something, also when that does not yet make room for a write.
func (s *loopSession) arrived(d flow.Direction) uint64 {
	unsent, _ := s.ends[1-d].Unsent()
	return s.written(d) - uint64(unsent)
}

// delivered is called when all that the lost side had sent is written.
func (s *loopSession) delivered(d flow.Direction) {
	if s.ending.fin {
		if s.tapping != nil {
			s.tapping.tap.Shut(d, time.Now())
		}
		_ = s.ends[1-d].CloseWrite()
	}
	s.settle()
}

// sourceFailed is called when reading fails: what came before is read already.
func (s *loopSession) sourceFailed(d flow.Direction, err error) {
	s.end(err, side(d))
	if !s.over {
		s.delivered(d)
	}
}

// destinationFailed is called when writing fails.
func (s *loopSession) destinationFailed(d flow.Direction, err error) { s.end(err, side(1-d)) }

// settle has nothing more read or written, and resets both ends as soon as the other end's kernel has what was written
// to it: a reset drops what has not arrived.
func (s *loopSession) settle() {
	e := s.ending
	if e.flushing {
		return
	}
	s.measure()
	if e.by == flow.SideLodoor || s.ends[1-direction(e.by)].IsUnix() { // what was written to that is with its receiver
		s.close()
		return
	}
	for i := range s.halves {
		s.halves[i].state |= ended
		s.halves[i].release(s.worker)
	}
	e.flushing, e.moved, e.pause = true, s.worker.now(), time.Millisecond
	e.flush(e.moved)
}

// abandon resets both ends at once.
func (s *loopSession) abandon() {
	s.measure()
	s.close()
}

// measure keeps the kernel's view of both legs, once, as it was when nothing moved any more.
func (s *loopSession) measure() {
	if e := s.ending; e.measured() && !e.flushing {
		e.client, e.backend = s.ends[flow.FromClient].TCPInfo(), s.ends[flow.FromBackend].TCPInfo()
	}
}

// due looks after the delivery, or the flush. Both are bounded by the lane's Flush in all, and by its Stall while the
// receiver takes nothing.
func (e *ending) due(now time.Duration) {
	if e.flushing {
		e.flush(now)
		return
	}
	s, c := e.session, &e.session.worker.loop.config
	arrived := s.arrived(direction(e.by))
	if arrived == e.progress || now-e.at >= c.Flush {
		s.abandon()
		return
	}
	e.progress = arrived
	s.worker.timers.set(&e.timer, now+c.Stall)
}

// flush closes the session when the receiver's kernel has everything.
func (e *ending) flush(now time.Duration) {
	s, c := e.session, &e.session.worker.loop.config
	n, err := s.ends[1-direction(e.by)].Unsent()
	if unsent := uint64(max(n, 0)); unsent != e.progress {
		e.progress, e.moved = unsent, now
	}
	if err != nil || n == 0 || now-e.moved >= c.Stall || now-e.at >= c.Flush {
		s.close()
		return
	}
	s.worker.timers.set(&e.timer, now+e.pause)
	e.pause = min(2*e.pause, 10*time.Millisecond)
}

// Kill ends the session with a reset on both legs, and what a peer's reset still had to deliver with it.
func (s *loopSession) Kill(end flow.End) { s.worker.Post(kill{s, end}) }

type kill struct {
	session *loopSession
	end     flow.End
}

func (k kill) Run(*Worker) {
	s := k.session
	switch {
	case s.over:
	case s.dial != nil:
		s.dial.fail(ownEnd(k.end))
	case s.ending != nil:
		s.abandon()
	default:
		s.end(ownEnd(k.end), flow.SideLodoor)
	}
}
