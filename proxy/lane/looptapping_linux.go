//go:build !portable

package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// loopTapping is the tap of a session of a loop.
type loopTapping struct {
	tap   Tap
	piped flow.PipeTap // the same, if it is one
	roomy [2]roomy     // by flow.Direction
}

func newLoopTapping(s *loopSession, t Tap) *loopTapping {
	if t == nil {
		return nil
	}
	x := &loopTapping{tap: t}
	x.piped, _ = t.(flow.PipeTap)
	for i := range x.roomy {
		r := &x.roomy[i]
		r.session, r.direction, r.wake = s, flow.Direction(i), r.post
	}
	return x
}

// room asks whether direction d may be read. When it may not, it goes on by itself later.
func (x *loopTapping) room(d flow.Direction) bool { return x.tap.Room(d, x.roomy[d].wake) }

// wrote tells that n bytes were written; a zero time is now.
func (x *loopTapping) wrote(d flow.Direction, at time.Time, n int) {
	x.tap.Written(d, orNow(at), uint64(n))
}

// answered tells what lodoor itself did; a zero time is now.
func (x *loopTapping) answered(at time.Time, y sifted) {
	x.tap.Answered(orNow(at), uint64(y.taken), y.reply)
}

// orNow saves a reading of the clock: what follows a read at once, without waiting, has that read's time.
func orNow(at time.Time) time.Time {
	if at.IsZero() {
		return time.Now()
	}
	return at
}

// roomy is the task of reading a direction again, since its tap has room.
type roomy struct {
	session   *loopSession
	direction flow.Direction
	wake      func() // post, bound once: a method value allocates
}

func (r *roomy) post() { r.session.worker.Post(r) }

// Run goes on with the direction. A session that is over has no need to.
func (r *roomy) Run(*Worker) {
	s, d := r.session, r.direction
	if s.over || s.dial != nil {
		return
	}
	s.halves[d].state &^= crowded
	s.pump(d)
}
