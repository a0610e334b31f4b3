package lane

import (
	"errors"
	"io"

	"github.com/lodoor/lodoor/proxy/flow"
)

// gated says whether the gate has a say in this direction.
func (h *half) gated() bool {
	return h.dir == flow.FromClient && h.session.gating != nil && h.session.gating.gate != nil
}

// carryGated is carry for as long as the gate has a say. It answers whether the direction goes on without it.
func (h *half) carryGated() bool {
	for h.gated() {
		if !h.room() {
			return false
		}
		b, err := h.in.next(h.session.gating.room())
		if errors.Is(err, io.EOF) {
			h.sourceClosed()
			return false
		}
		if err != nil {
			h.session.end(err, h.from)
			return false
		}
		if len(b) == 0 {
			continue // it had to wait: whether there is room is asked anew
		}
		h.tell(b)
		if !h.sift(len(b), false) {
			return false
		}
	}
	return true
}

// sift does what the gate says of what is held and of the n bytes that were read behind it. It answers whether the
// direction goes on.
func (h *half) sift(n int, eof bool) bool {
	g := h.session.gating
	x := g.sift(h.in.buf[:], n, eof)
	if g.refused != nil {
		h.session.end(refusal{g.refused}, flow.SideLodoor)
		return false
	}
	if x.speaks() && !h.answer(x) {
		return false
	}
	return len(x.pass) == 0 || h.write(x.pass)
}
