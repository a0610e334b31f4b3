package recording

import (
	"bytes"
	"slices"
)

const (
	// heldSegments and heldBytes are how much of what came too early waits for what is before it, in each direction.
	heldSegments = 64
	heldBytes    = 1 << 20
)

// half is one direction of a connection: its segments, put into order.
type half struct {
	known bool   // whether next is
	next  uint32 // sequence number of the next byte
	fin   bool
	held  []piece // what came too early, by their sequence numbers
	bytes int     // in held
	hold  bool    // whether anything is held
}

// piece is a stretch of a direction.
type piece struct {
	seq     uint32
	payload []byte
	length  int // of which the payload are the first
	fin     bool
	why     string
}

func (p *piece) missing() uint64 { return uint64(p.length - len(p.payload)) }

// cut takes the first n bytes off.
func (p *piece) cut(n int) {
	p.payload = p.payload[min(n, len(p.payload)):]
	p.length -= n
	p.seq += uint32(n)
}

// begin says where the direction begins.
func (h *half) begin(seq uint32) {
	if !h.known {
		h.known, h.next = true, seq
	}
}

// take puts a piece into its place, and tells what is in order now. Bytes that were told before are not told again, and
// behind the end there are none.
func (h *half) take(p piece, tell func(*piece)) {
	if h.fin {
		return
	}
	h.begin(p.seq)
	if ahead := int32(p.seq - h.next); ahead > 0 {
		h.early(p, tell)
		return
	}
	h.place(&p, tell)
	h.settle(tell)
}

// place tells the part of a piece that is new. One that is half of all numbers away is neither ahead nor behind, and no
// part of the direction.
func (h *half) place(p *piece, tell func(*piece)) {
	behind := int(int32(h.next - p.seq))
	if behind < 0 || behind > p.length || h.fin || p.length == behind && !p.fin {
		return
	}
	p.cut(behind)
	h.next += uint32(p.length)
	if p.fin {
		h.fin = true
		h.next++
		h.held, h.bytes = nil, 0 // what is said to be behind the end has no turn
	}
	tell(p)
}

// early keeps a piece that came before those ahead of it, or tells what is missing when there is no room for it.
func (h *half) early(p piece, tell func(*piece)) {
	if !h.hold {
		h.gap(p.seq, tell)
		h.place(&p, tell)
		return
	}
	p.payload = bytes.Clone(p.payload)
	at, _ := slices.BinarySearchFunc(h.held, p.seq, func(o piece, seq uint32) int { return int(int32(o.seq - seq)) })
	h.held = slices.Insert(h.held, at, p)
	h.bytes += len(p.payload)
	for len(h.held) > heldSegments || h.bytes > heldBytes {
		h.gap(h.held[0].seq, tell)
		h.settle(tell)
	}
}

// settle tells those of the held pieces whose turn has come.
func (h *half) settle(tell func(*piece)) {
	for len(h.held) > 0 && int32(h.held[0].seq-h.next) <= 0 {
		p := h.held[0]
		h.held = slices.Delete(h.held, 0, 1)
		h.bytes -= len(p.payload)
		h.place(&p, tell)
	}
}

// gap tells that what is before seq is not in the recording.
func (h *half) gap(seq uint32, tell func(*piece)) {
	if n := int32(seq - h.next); n > 0 && !h.fin {
		p := piece{seq: h.next, length: int(n)}
		h.next = seq
		tell(&p)
	}
}

// acknowledged takes note that the other side has everything before seq: what is not there yet will not come.
func (h *half) acknowledged(seq uint32, tell func(*piece)) {
	for h.known && !h.fin && int32(seq-h.next) > 0 {
		to := seq
		if len(h.held) > 0 && int32(h.held[0].seq-seq) < 0 {
			to = h.held[0].seq
		}
		h.gap(to, tell)
		h.settle(tell)
	}
}

// flush tells everything that is held.
func (h *half) flush(tell func(*piece)) {
	for len(h.held) > 0 {
		h.gap(h.held[0].seq, tell)
		h.settle(tell)
	}
}
