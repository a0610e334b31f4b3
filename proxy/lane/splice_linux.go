//go:build !portable

package lane

import (
	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// fillPipe moves bytes from the source into a pipe, and on.
func (s *loopSession) fillPipe(d flow.Direction, h *loopHalf) {
	if !s.splices(h) {
		h.full = 0
		return
	}
	n, errno := splice(s.fd(d), h.pipe.w, spliceSize)
	switch {
	case errno == 0 && n > 0:
		h.pipe.held = n
		if s.tapping == nil {
			s.count(d, n)
		}
		if n >= spliceSmall {
			h.full = bulkAfter + patience
		} else if h.full--; h.full < bulkAfter {
			h.full = 0
		}
		s.drainPipe(d, h)
	case errno == unix.EINVAL:
		h.state |= unspliced
	case errno == unix.EAGAIN && h.state&doubtful == 0:
		h.state &^= readable
	case errno == 0, errno == unix.EAGAIN:
		h.full = 0 // splice stops at an urgent mark as at the end: only a read tells which
	default:
		s.unread(d, h, errno)
	}
}

// drainPipe moves bytes from the pipe to the destination.
func (s *loopSession) drainPipe(d flow.Direction, h *loopHalf) {
	if s.tapping != nil {
		s.drainShown(d, h)
		return
	}
	n, errno := splice(h.pipe.r, s.fd(1-d), h.pipe.held)
	if errno != 0 {
		s.unsent(d, h, errno)
		return
	}
	h.pipe.held -= n
}
