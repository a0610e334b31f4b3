package block

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Block is one that was read. Of its parts that one is set which its kind says; of a kind that is not known there is only
// Raw.
type Block struct {
	Kind Kind
	// Raw is the whole block as it stands in the file.
	Raw []byte

	Section    Section
	Interface  Interface
	Names      []Name
	Statistics Statistics
	Packet     Packet
	Secrets    Secrets
}

// parser knows what the blocks of a section depend on.
type parser struct {
	order      binary.ByteOrder
	interfaces []Interface
}

// maxInterfaces bounds what a file makes the parser remember.
const maxInterfaces = 1 << 12

// ordered takes the byte order of a section; false when magic is of none.
func (p *parser) ordered(magic []byte) bool {
	switch {
	case binary.LittleEndian.Uint32(magic) == byteOrder:
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(magic) == byteOrder:
		p.order = binary.BigEndian
	default:
		return false
	}
	return true
}

var errShort = errors.New("the block is too short for what it says")

// parse reads a whole block.
func (p *parser) parse(raw []byte, b *Block) error {
	comments := b.Packet.Comments[:0]
	*b = Block{Kind: Kind(p.order.Uint32(raw)), Raw: raw}
	body := raw[headLen : len(raw)-tailLen]
	switch b.Kind {
	case KindSection:
		return p.section(body, &b.Section)
	case KindInterface:
		return p.described(body, &b.Interface)
	case KindNames:
		return p.names(body, b)
	case KindStatistics:
		return p.statistics(body, &b.Statistics)
	case KindPacket:
		b.Packet.Comments = comments
		return p.packet(body, &b.Packet)
	case KindSecrets:
		return p.secrets(body, &b.Secrets)
	}
	return nil
}

// from is the interface that a block is about.
func (p *parser) from(n uint32) (*Interface, error) {
	if int64(n) >= int64(len(p.interfaces)) {
		return nil, fmt.Errorf("interface %d was not described before", n)
	}
	return &p.interfaces[n], nil
}

// options calls take for each option, or each record of names, which have the same shape.
func (p *parser) options(b []byte, take func(code uint16, value []byte) error) error {
	const head = 4
	for len(b) >= head {
		code, n := p.order.Uint16(b), int(p.order.Uint16(b[2:]))
		if b = b[head:]; code == OptionEnd {
			return nil
		}
		if n+Padding(n) > len(b) {
			return errShort
		}
		if err := take(code, b[:n]); err != nil {
			return err
		}
		b = b[n+Padding(n):]
	}
	return nil
}
