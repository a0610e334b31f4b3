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
	dir      flow.Direction
	src, dst *Socket
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
	h.in = newInlet(h.src, &s.lane.buffers)
	h.out.init(h.dst, s.blocked)
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
	for {
		b, err := h.in.next(bufferSize)
		if errors.Is(err, io.EOF) {
			h.sourceClosed()
			return
		}
		if err != nil {
			h.session.end(err, h.from)
			return
		}
		h.tell(b)
		if err := h.out.write(b); err != nil {
			h.session.end(err, h.to)
			return
		}
	}
}

// tell counts b and shows it to the tap. It comes before the write, so that a question is told before its answer.
func (h *half) tell(b []byte) {
	first := h.read.Add(uint64(len(b))) == uint64(len(b))
	if h.dir == flow.FromBackend && first {
		h.session.firstByte = time.Since(h.session.pair.Accepted)
	}
	if tap := h.session.pair.Tap; tap != nil {
		tap.Data(h.dir, time.Now(), b)
	}
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
		if tap := h.session.pair.Tap; tap != nil {
			tap.Shut(h.dir, time.Now())
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
