package mysql

import (
	"errors"
	"time"
)

// frameMax is the length of a frame behind which the packet goes on in another.
const frameMax = 1<<24 - 1

// frame is how a packet begins.
type frame struct {
	length   int  // of its first frame
	sequence byte // 0 for a command
	first    byte // of the payload; 0 of an empty one
}

// reader is told the packets of one direction.
type reader interface {
	// over says that what follows is not packets any more, or of no interest.
	over() bool
	// pass says how many bytes at the start of b, where a packet begins, are whole packets that it has dealt with already.
	pass(b []byte) int
	// begin says what a packet is, and how many bytes of it end wants.
	begin(f frame, at time.Time) (k kind, want int, err error)
	// piece is given the packet's bytes as they come, and may change them.
	piece(k kind, b []byte)
	// end is called when the packet is whole; p says what it was.
	end(p *packets, at time.Time) error
}

// packets takes one direction apart. It copies nothing but the beginnings of those packets that come in pieces.
type packets struct {
	header [4]byte
	have   int  // of header
	left   int  // of the frame
	inside bool // begin has been called, and not end

	kind  kind
	want  int
	head  []byte // at most want bytes of the packet, valid during end only
	size  uint64 // of the payload
	wire  uint64 // with the headers
	gap   bool   // bytes of head were not seen
	began time.Time
	buf   []byte
}

// feed takes the next bytes. TLS may begin within them: a client sends its hello without waiting for an answer.
func (p *packets) feed(b []byte, at time.Time, r reader) error {
	for len(b) > 0 && !r.over() {
		if p.have == 0 && !p.inside {
			if b = b[r.pass(b):]; len(b) == 0 {
				return nil
			}
		}
		if p.have < len(p.header) {
			b = p.takeHeader(b, at)
		}
		if p.have < len(p.header) || p.left > 0 && len(b) == 0 {
			return nil
		}
		if !p.inside {
			if err := p.begin(b, at, r); err != nil {
				return err
			}
		}
		n := min(p.left, len(b))
		r.piece(p.kind, b[:n])
		p.keep(b[:n])
		p.advance(uint64(n))
		b = b[n:]
		if p.left == 0 {
			if err := p.endFrame(at, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeHeader takes what is there of a frame's header off the start of b.
func (p *packets) takeHeader(b []byte, at time.Time) (rest []byte) {
	if p.have == 0 && !p.inside {
		p.began = at
	}
	n := copy(p.header[p.have:], b)
	p.have += n
	if p.have == len(p.header) {
		p.left = p.frameLength()
		p.wire += uint64(p.left + len(p.header))
	}
	return b[n:]
}

func (p *packets) frameLength() int {
	return int(p.header[0]) | int(p.header[1])<<8 | int(p.header[2])<<16
}

func (p *packets) begin(b []byte, at time.Time, r reader) (err error) {
	f := frame{length: p.left, sequence: p.header[3]}
	if p.left > 0 {
		f.first = b[0]
	}
	p.inside, p.size, p.gap, p.head, p.buf = true, 0, false, nil, p.buf[:0]
	p.kind, p.want, err = r.begin(f, at)
	return err
}

// keep keeps what is wanted of the next bytes.
func (p *packets) keep(b []byte) {
	room := p.want - len(p.buf)
	switch {
	case room <= 0 || p.gap:
	case p.size == 0 && (len(b) == p.left && p.left < frameMax || len(b) >= room):
		p.head = b[:min(room, len(b))]
		if len(b) < p.left || p.left == frameMax { // more will come when b is no longer valid
			p.buf = append(p.buf, p.head...)
		}
	default:
		p.buf = append(p.buf, b[:min(room, len(b))]...)
	}
}

func (p *packets) advance(n uint64) {
	p.left -= int(n)
	p.size += n
}

func (p *packets) endFrame(at time.Time, r reader) error {
	p.have = 0
	if p.frameLength() == frameMax {
		return nil
	}
	if len(p.buf) > 0 {
		p.head = p.buf
	}
	p.inside = false
	err := r.end(p, at)
	p.head, p.wire = nil, 0
	return err
}

// errLost says that nobody knows where the next packet begins.
var errLost = errors.New("bytes between two packets were not seen, and the protocol has no mark to find the next by")

// skip passes over bytes that were not seen. Those within a packet are of no consequence but to the packet.
func (p *packets) skip(n uint64, at time.Time, r reader) error {
	switch {
	case n == 0:
		return nil
	case !p.inside || p.have < len(p.header) || n > uint64(p.left):
		return errLost
	}
	p.gap = p.gap || len(p.buf) < p.want
	p.advance(n)
	if p.left > 0 {
		return nil
	}
	return p.endFrame(at, r)
}
