//go:build !portable

package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// gated says whether a gate has a say in what is sent in direction d.
func (s *loopSession) gated(d flow.Direction) bool { return s.gating != nil && d == flow.FromClient }

// relayGated is relay while the gate has a say. It does not count full reads, so that nothing is spliced.
func (s *loopSession) relayGated(h *loopHalf) {
	c, room := s.worker.chunks.get(), s.gating.room()
	n, errno := recv(s.fd(flow.FromClient), c.buf[:room])
	if errno != 0 || n == 0 {
		s.worker.chunks.put(c)
		s.unread(flow.FromClient, h, errno)
		return
	}
	if n < room && h.state&doubtful == 0 {
		h.state &^= readable
	}
	at := s.tell(flow.FromClient, c.buf[:n])
	s.sift(h, c, n, false, at)
}

// siftEnd asks the gate at the end of the client's stream. The end is then read again, when what passes is written.
func (s *loopSession) siftEnd(h *loopHalf) { s.sift(h, s.worker.chunks.get(), 0, true, time.Time{}) }

// sift does what the gate says of what is held and of the n bytes in c that were read behind it.
func (s *loopSession) sift(h *loopHalf, c *chunk, n int, eof bool, at time.Time) {
	x := s.gating.sift(c.buf[:], n, eof)
	c.rest = x.pass
	if s.gating.refused == nil && x.speaks() && !s.answer(x, at) {
		s.worker.chunks.put(c)
		return
	}
	if len(c.rest) == 0 {
		s.worker.chunks.put(c)
	} else {
		h.rest = c
	}
	switch {
	case s.gating.refused != nil:
		s.end(refusal{s.gating.refused}, flow.SideLodoor)
		return
	case s.gating.gate == nil:
		s.gating = nil
	}
	if h.rest != nil {
		s.sendRest(flow.FromClient, h, at)
	}
}

// answer has lodoor speak to the client: the reply goes there ahead of all that the backend says, and the tap is told.
// when; a zero time is now. It answers whether the session goes on as before.
func (s *loopSession) answer(x sifted, at time.Time) bool {
	back := &s.halves[flow.FromBackend]
	switch {
	case len(x.reply) == 0:
	case s.ending != nil: // the client is gone, and nobody reads what it is told
		s.settle()
		return false
	case s.read[flow.FromBackend].Load() > 0:
		s.gating.refused = interrupts()
		s.end(refusal{s.gating.refused}, flow.SideLodoor)
		return false
	case back.state&ended != 0:
		x.reply = nil // the client reads the end of the stream
	default:
		if back.state&spoken != 0 {
			s.ends[flow.FromClient].tune()
		}
		if err := s.ends[flow.FromClient].writeNow(x.reply); err != nil {
			s.unanswered(err)
			return false
		}
		back.state |= spoken
	}
	if s.tapping != nil {
		s.tapping.answered(at, x)
	}
	return true
}

// unanswered is called when the client does not take what it is told: nothing more of what it sent goes on.
func (s *loopSession) unanswered(err error) {
	s.end(unanswered(err), flow.SideClient)
	if !s.over {
		s.settle()
	}
}
