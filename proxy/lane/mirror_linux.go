//go:build !portable

package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// mirror shows a loop's taps what is spliced past them. tee(2) puts references to the bytes at the front of a session's
// pipe into the mirror's, and those are read: so bytes are copied once, where reading and writing them would copy them
// twice. The zero value is ready.
type mirror struct {
	pipe *pipe
	buf  []byte // of a whole splice, so that a tap is told of it at once
}

// ready says whether there is a pipe for it; for want of descriptors there may be none.
func (m *mirror) ready(from *pipes) bool {
	if m.pipe == nil {
		if m.pipe = from.get(); m.pipe == nil {
			return false
		}
		m.buf = make([]byte, spliceSize)
	}
	return true
}

// look returns the bytes at the front of p, which stay there, until the next call. None is that they cannot be seen.
func (m *mirror) look(p *pipe) []byte {
	n, errno := tee(p.r, m.pipe.w, min(p.held, len(m.buf)))
	if errno != 0 {
		return nil
	}
	m.pipe.held = n
	seen := 0
	for m.pipe.held > 0 {
		n, errno := read(m.pipe.r, m.buf[seen:])
		if errno != 0 || n == 0 { // of a pipe that has bytes this is not known to happen
			m.close()
			break
		}
		m.pipe.held -= n
		seen += n
	}
	return m.buf[:seen]
}

func (m *mirror) close() {
	if m.pipe != nil {
		m.pipe.close()
		m.pipe = nil
	}
}

// splices says whether the direction has the pipes that splicing takes.
func (s *loopSession) splices(h *loopHalf) bool {
	if h.pipe == nil {
		h.pipe = s.worker.pipes.get()
	}
	return h.pipe != nil && (s.tapping == nil || s.worker.mirror.ready(&s.worker.pipes))
}

// show tells the tap of what is in a direction's pipe, which counts as read with that. When it cannot be seen, what
// follows is read and written instead. Usually it is told at once; a pipe may hold more than the mirror's, for whose size
// the system had no room.
func (s *loopSession) show(d flow.Direction, h *loopHalf, at time.Time) {
	m := &s.worker.mirror
	if m.ready(&s.worker.pipes) {
		h.pipe.shown = s.tapping.show(d, at, h.pipe, m)
	}
	if h.pipe.shown == 0 {
		h.state |= unspliced
		return
	}
	s.count(d, h.pipe.shown)
}

// show tells of what is at the front of a pipe, and answers of how much: by reference, to a tap that takes it so, or by
// what a mirror shows.
func (x *loopTapping) show(d flow.Direction, at time.Time, p *pipe, m *mirror) int {
	var beside flow.Tap
	if x.piped != nil {
		if beside = x.piped.Beside(); beside == nil {
			if n := x.piped.Piped(d, at, p.r, p.held); n > 0 {
				return n
			}
		}
	}
	b := m.look(p)
	if len(b) == 0 {
		return 0
	}
	if beside != nil {
		if n := x.piped.Piped(d, at, p.r, len(b)); n > 0 {
			beside.Data(d, at, b[:n])
			return n
		}
	}
	x.tap.Data(d, at, b)
	return len(b)
}

// unshown is how many bytes a direction holds that do not count as read yet.
func (s *loopSession) unshown(d flow.Direction) uint64 {
	if p := s.halves[d].pipe; p != nil && s.tapping != nil {
		return uint64(p.held - p.shown)
	}
	return 0
}

// drainShown is drainPipe with a tap.
func (s *loopSession) drainShown(d flow.Direction, h *loopHalf) {
	p, at := h.pipe, time.Time{}
	if p.shown == 0 && h.state&unspliced == 0 {
		at = time.Now()
		s.show(d, h, at)
	}
	n := p.shown
	if n == 0 {
		n = p.held
	}
	n, errno := splice(p.r, s.fd(1-d), n)
	if errno != 0 {
		s.unsent(d, h, errno)
		return
	}
	p.held -= n
	if p.shown == 0 {
		s.count(d, n)
		s.tapping.tap.Skipped(d, time.Now(), uint64(n))
		return
	}
	p.shown -= n
	s.tapping.wrote(d, at, n)
}
