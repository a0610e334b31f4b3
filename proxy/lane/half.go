package lane

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// half carries one direction of a session.
type half struct {
	session  *session
	src, dst *Socket
	dir      flow.Direction
	from, to flow.Side
	in       inlet
	out      outlet
	read     atomic.Uint64
}

func (h *half) init(s *session, dir flow.Direction) {
	h.session, h.dir = s, dir
	h.src, h.dst = s.pair.Client, s.pair.Backend
	h.from, h.to = flow.SideClient, flow.SideBackend
	if dir == flow.FromBackend {
		h.src, h.dst, h.from, h.to = h.dst, h.src, h.to, h.from
	}
	h.in = newInlet(h.src, &s.lane.buffers, s.tapping != nil)
	h.out.init(h.dst, h.stalled)
}

// run carries bytes until the source ends, one of the sockets fails, or the session is interrupted.
func (h *half) run() {
	h.carry()
	h.session.leave()
}

func (h *half) carry() {
	defer h.in.release()
	if !h.carryGated() {
		return
	}
	for h.room() {
		b, err := h.in.next(bufferSize)
		if errors.Is(err, io.EOF) {
			h.sourceClosed()
			return
		}
		if err != nil {
			h.session.end(err, h.from)
			return
		}
		if len(b) == 0 {
			continue // it had to wait: whether there is room is asked anew
		}
		h.tell(b)
		if !h.write(b) {
			return
		}
	}
}

// tell counts b and shows it to the tap. It comes before the write, so that a question is told before its answer.
func (h *half) tell(b []byte) {
	first := h.read.Add(uint64(len(b))) == uint64(len(b))
	if h.dir == flow.FromBackend {
		h.begins(b, first)
	}
	if t := h.session.tapping; t != nil {
		t.tap.Data(h.dir, time.Now(), b)
	}
}

// begins is what the backend's bytes need before anybody else has them; first says that they are the first.
func (h *half) begins(b []byte, first bool) {
	s := h.session
	if first {
		s.firstByte = time.Since(s.pair.Accepted)
		s.gating.takeFloor(floorSpoken)
	}
	if s.pair.Amend != nil && s.pair.Amend(b) {
		s.pair.Amend = nil
	}
}

// write writes b, and answers whether the direction goes on.
func (h *half) write(b []byte) bool {
	err := h.out.write(b)
	h.wrote()
	if err != nil {
		h.session.end(err, h.to)
	}
	return err == nil
}

// wrote tells the tap what was written since it was last told.
func (h *half) wrote() {
	t := h.session.tapping
	if t == nil {
		return
	}
	written := h.out.written.Load()
	if n := written - t.told[h.dir]; n > 0 {
		t.told[h.dir] = written
		t.tap.Written(h.dir, time.Now(), n)
	}
}

// stalled is called when the destination takes no more.
func (h *half) stalled() {
	h.wrote()
	h.session.blocked()
}

// sourceClosed passes the source's FIN on, behind what the gate lets pass at the end. As long as the other direction
// lives it then waits for the source's connection to be torn down, since nobody reads it any more.
func (h *half) sourceClosed() {
	failure := h.src.failure()
	closed := failure == nil || isBrokenPipe(failure)
	if closed && h.gated() && !h.sift(0, true) {
		return
	}
	h.in.release()
	if closed {
		last := h.session.closed(h.dir)
		if t := h.session.tapping; t != nil {
			t.tap.Shut(h.dir, time.Now())
		}
		if h.dir == flow.FromBackend {
			h.session.gating.takeFloor(floorClosed)
		}
		if last {
			_ = h.dst.SetReadDeadline(past()) // ends the other half's watch
			return                            // closing the sockets sends the FIN
		}
		_ = h.dst.CloseWrite() // fails when the destination is gone, which the other half sees
	}
	if failure == nil {
		failure = h.in.watch()
	}
	if failure != nil {
		h.session.end(failure, h.from)
	}
}
