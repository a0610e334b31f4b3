package pcapng

import (
	"encoding/binary"

	"github.com/google/gopacket"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

const (
	// enhancedHeadLen is what stands before the packet in its block.
	enhancedHeadLen = 28
	optionHeadLen   = 4
)

// enhanced is an Enhanced Packet Block (draft-ietf-opsawg-pcapng, 4.3). Its head is one more layer before the packet's
// heads, so that all are built in place.
type enhanced struct {
	leg     uint32 // the interface
	at      int64  // ns since 1970
	payload int    // bytes of the packet behind the heads
	missing int    // bytes of it that were not kept
	comment []byte // none when empty
}

// LayerType is of no registered layer: nothing decodes the block but who reads the file.
func (e *enhanced) LayerType() gopacket.LayerType { return gopacket.LayerTypeZero }

// SerializeTo writes the block's head. Its lengths are those of the packet, whatever the options.
func (e *enhanced) SerializeTo(b gopacket.SerializeBuffer, _ gopacket.SerializeOptions) error {
	captured := len(b.Bytes()) + e.payload
	head, err := b.PrependBytes(enhancedHeadLen)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	le.PutUint32(head, uint32(block.KindPacket))
	le.PutUint32(head[4:], uint32(e.length(captured)))
	le.PutUint32(head[8:], e.leg)
	le.PutUint32(head[12:], uint32(uint64(e.at)>>32))
	le.PutUint32(head[16:], uint32(e.at))
	le.PutUint32(head[20:], uint32(captured))
	le.PutUint32(head[24:], uint32(captured+e.missing))
	return nil
}

// length is the block's.
func (e *enhanced) length(captured int) int { return enhancedHeadLen + captured + e.tailLen(captured) }

// tailLen is the length of what stands behind the packet: padding, options, and the block's length.
func (e *enhanced) tailLen(captured int) int {
	n := block.Padding(captured) + 4
	if len(e.comment) > 0 {
		n += optionHeadLen + len(e.comment) + block.Padding(len(e.comment)) + optionHeadLen
	}
	return n
}

func (e *enhanced) appendTail(b []byte, captured int) []byte {
	b = block.AppendPadding(b, captured)
	if len(e.comment) > 0 {
		le := binary.LittleEndian
		b = le.AppendUint16(b, block.OptionComment)
		b = le.AppendUint16(b, uint16(len(e.comment)))
		b = block.AppendPadding(append(b, e.comment...), len(e.comment))
		b = le.AppendUint32(b, uint32(block.OptionEnd))
	}
	return binary.LittleEndian.AppendUint32(b, uint32(e.length(captured)))
}
