//go:build !portable

package lane

import "github.com/lodoor/lodoor/proxy/flow"

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
	s.tell(flow.FromClient, c.buf[:n])
	s.sift(h, c, n, false)
}

// siftEnd asks the gate at the end of the client's stream. The end is then read again, when what passes is written.
func (s *loopSession) siftEnd(h *loopHalf) { s.sift(h, s.worker.chunks.get(), 0, true) }

// sift writes what the gate lets pass, of what is held and of the n bytes in c that were read behind it.
func (s *loopSession) sift(h *loopHalf, c *chunk, n int, eof bool) {
	c.rest = s.gating.sift(c.buf[:], n, eof)
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
		s.sendRest(flow.FromClient, h)
	}
}
