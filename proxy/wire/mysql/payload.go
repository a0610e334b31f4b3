package mysql

import (
	"bytes"
	"encoding/binary"
)

// payload is what has to be read yet of a packet. Reading on behind the end gives nothing, and bad is set.
type payload struct {
	b   []byte
	bad bool
}

func (p *payload) take(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.b, p.bad = nil, true
		return nil
	}
	taken := p.b[:n]
	p.b = p.b[n:]
	return taken
}

func (p *payload) uint8() uint8 {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *payload) uint16() uint16 {
	if b := p.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (p *payload) uint32() uint32 {
	if b := p.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// nul is a text up to a NUL, which is taken, too. The last text of a packet may do without.
func (p *payload) nul() []byte {
	text, rest, _ := bytes.Cut(p.b, []byte{0})
	p.b = rest
	return text
}

// lenenc is a number of 1, 3, 4 or 9 bytes ("Protocol::LengthEncodedInteger").
func (p *payload) lenenc() uint64 {
	first := p.uint8()
	n := lenencMore(first)
	if n == 0 {
		return uint64(first)
	}
	var v [8]byte
	copy(v[:], p.take(uint64(n)))
	return binary.LittleEndian.Uint64(v[:])
}

// lenencMore is how many bytes follow the first one of such a number.
func lenencMore(first byte) int {
	switch first {
	case 0xfc:
		return 2
	case 0xfd:
		return 3
	case 0xfe:
		return 8
	}
	return 0
}

// text is bytes with their length before them.
func (p *payload) text() []byte { return p.take(p.lenenc()) }
