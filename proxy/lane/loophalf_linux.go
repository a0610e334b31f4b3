//go:build !portable

package lane

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What is known of a direction.
const (
	readable  = 1 << iota // its source may have something
	doubtful              // and a short read does not mean that it has no more: a FIN, an error or an urgent mark stands there
	blocked               // its destination takes nothing
	queued                // it is among the ready
	ended                 // nothing more is read
	unspliced             // its sockets cannot be spliced
	spoken                // its destination was sent something
	crowded               // the tap has no room for what would be read
)

const (
	budget      = 4         // reads or splices of a direction in one turn
	bulkAfter   = 4         // full reads, one after the other, until a direction is spliced
	spliceSize  = 256 << 10 // of one splice
	spliceSmall = 16 << 10  // less than this is better read and written
	patience    = 8         // small splices, one after the other, until a direction is no longer spliced: bulk has small ones in between
)

// loopHalf is one direction of a session. It holds at most a chunk or a pipe, and none while nothing moves.
type loopHalf struct {
	rest  *chunk
	pipe  *pipe
	state uint8
	full  uint8 // full reads, one after the other; while it is spliced bulkAfter and how much patience is left
}

// held is how many bytes were read and not yet written.
func (h *loopHalf) held() uint64 {
	n := 0
	if h.rest != nil {
		n = len(h.rest.rest)
	}
	if h.pipe != nil {
		n += h.pipe.held
	}
	return uint64(n)
}

// moves says whether there is something to try.
func (h *loopHalf) moves() bool {
	if h.state&(blocked|queued) != 0 {
		return false
	}
	return h.held() > 0 || h.state&(readable|ended|crowded) == readable
}

// release gives back what the direction holds, and what is in it is lost.
func (h *loopHalf) release(w *Worker) {
	if h.rest != nil {
		w.chunks.put(h.rest)
		h.rest = nil
	}
	if h.pipe != nil {
		w.pipes.put(h.pipe)
		h.pipe = nil
	}
}

// pump moves what can be moved in one direction, up to its budget.
func (s *loopSession) pump(d flow.Direction) {
	h := &s.halves[d]
	for step := 0; !s.over && h.moves(); step++ {
		if step == budget {
			s.worker.later(s, d)
			return
		}
		s.step(d, h)
	}
	if h.pipe != nil && h.pipe.held == 0 && h.state&queued == 0 {
		s.worker.pipes.put(h.pipe)
		h.pipe = nil
	}
}

func (s *loopSession) step(d flow.Direction, h *loopHalf) {
	switch {
	case h.rest != nil:
		s.sendRest(d, h, time.Time{})
	case h.pipe != nil && h.pipe.held > 0:
		s.drainPipe(d, h)
	case s.tapping != nil && !s.tapping.room(d):
		h.state |= crowded
	case h.full >= bulkAfter && h.state&unspliced == 0 && !s.amends(d):
		s.fillPipe(d, h)
	case s.gated(d):
		s.relayGated(h)
	default:
		s.relay(d, h)
	}
}

// relay reads once and writes what was read.
func (s *loopSession) relay(d flow.Direction, h *loopHalf) {
	c := s.worker.chunks.get()
	n, errno := recv(s.fd(d), c.buf[:])
	if errno != 0 || n == 0 {
		s.worker.chunks.put(c)
		s.unread(d, h, errno)
		return
	}
	if n == bufferSize {
		h.full = min(h.full+1, bulkAfter)
	} else {
		h.full = 0
		if h.state&doubtful == 0 {
			h.state &^= readable // whatever comes now is told anew
		}
	}
	c.rest = c.buf[:n]
	if s.amends(d) && s.amend(c.rest) {
		s.amend = nil
	}
	at := s.tell(d, c.rest)
	h.rest = c
	s.sendRest(d, h, at)
}

// amends says whether what is sent in direction d may be changed.
func (s *loopSession) amends(d flow.Direction) bool { return s.amend != nil && d == flow.FromBackend }

// unread is what a read without bytes means.
func (s *loopSession) unread(d flow.Direction, h *loopHalf, errno unix.Errno) {
	switch errno {
	case 0:
		if s.gated(d) && (s.ending == nil || s.ending.fin) {
			s.siftEnd(h)
			return
		}
		s.sourceClosed(d)
	case unix.EAGAIN:
		h.state &^= readable | doubtful
	case unix.EINTR:
	default:
		s.sourceFailed(d, errno)
	}
}

// sendRest writes what was read. The tap is told when; a zero time is now.
func (s *loopSession) sendRest(d flow.Direction, h *loopHalf, at time.Time) {
	if h.state&spoken != 0 {
		s.ends[1-d].tune()
	}
	n, errno := send(s.fd(1-d), h.rest.rest)
	if errno != 0 {
		s.unsent(d, h, errno)
		return
	}
	h.state |= spoken
	if s.tapping != nil {
		s.tapping.wrote(d, at, n)
	}
	h.rest.rest = h.rest.rest[n:]
	if len(h.rest.rest) == 0 {
		s.worker.chunks.put(h.rest)
		h.rest = nil
	}
}

// unsent is what a failed write means.
func (s *loopSession) unsent(d flow.Direction, h *loopHalf, errno unix.Errno) {
	switch errno {
	case unix.EAGAIN:
		h.state |= blocked
	case unix.EINTR:
	default:
		s.destinationFailed(d, errno)
	}
}

// tell counts b and shows it to the tap. It comes before the write, so that a question is told before its answer. It
// answers when that was, if there is a tap.
func (s *loopSession) tell(d flow.Direction, b []byte) (at time.Time) {
	s.count(d, len(b))
	if s.tapping != nil {
		at = time.Now()
		s.tapping.tap.Data(d, at, b)
	}
	return at
}

func (s *loopSession) count(d flow.Direction, n int) {
	if s.read[d].Add(uint64(n)) == uint64(n) && d == flow.FromBackend {
		s.firstByte = s.worker.now() - s.accepted
	}
}
