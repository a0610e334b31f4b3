package pcapng

import (
	"fmt"
	"net/netip"

	"github.com/google/gopacket"

	"github.com/lodoor/lodoor/proxy/flow"
)

// maxSegment is the payload of the largest packet: an IPv4 packet's length is 16 bits, headers included (RFC 791,
// 3.1). IPv6 could carry 20 bytes more.
const maxSegment = 65535 - ipv4HeaderLen - tcpHeaderLen

// The TCP flags in use (RFC 9293, 3.1).
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// segment is one TCP segment of length bytes, of which payload is the beginning that was kept.
type segment struct {
	from, to netip.AddrPort
	id       uint16 // IPv4 identification
	seq, ack uint32
	flags    uint8
	payload  []byte
	length   int
	buf      *buffer // that the payload is in; nil: none

	dir     flow.Direction
	why     reason // for what was not kept
	counted bool   // it shows its bytes for the first time
}

// sum is the payload's checksum.
func (s *segment) sum() uint64 {
	if s.buf == nil {
		return sum(s.payload)
	}
	return s.buf.sum(s.payload)
}

// missing is how many bytes of the payload were not kept.
func (s *segment) missing() int { return s.length - len(s.payload) }

// ip is the segment as the packet around it.
func (s *segment) ip() gopacket.SerializableLayer {
	if s.from.Addr().Is4() {
		return (*ipv4)(s)
	}
	return (*ipv6)(s)
}

// packer builds packets in their blocks, one at a time: the heads in one buffer, which is gopacket's, and what stands
// behind the payload in another. The payload stays where it is. gopacket's layers of protocols stay out: see
// docs/adr/0004-gopacket-without-its-layers.md.
type packer struct {
	heads gopacket.SerializeBuffer
	block enhanced
	tail  []byte
	whole []byte
}

// packed is the block of a packet in its pieces, as it was captured: without its payload when that was not kept.
type packed struct{ heads, payload, tail []byte }

func newPacker() *packer {
	return &packer{heads: gopacket.NewSerializeBufferExpectedSize(enhancedHeadLen+maxHeaderLen, 0)}
}

// pack builds the block of the segment's packet. It is valid until the next call.
func (p *packer) pack(leg uint32, at int64, s *segment, comment []byte) (packed, error) {
	p.block = enhanced{leg: leg, at: at, payload: len(s.payload), missing: s.missing(), comment: comment}
	err := gopacket.SerializeLayers(p.heads, gopacket.SerializeOptions{}, &p.block, s.ip(), (*tcp)(s))
	if err != nil {
		return packed{}, fmt.Errorf("build a packet: %w", err)
	}
	heads := p.heads.Bytes()
	captured := len(heads) - enhancedHeadLen + len(s.payload)
	p.tail = p.block.appendTail(p.tail[:0], captured)
	return packed{heads, s.payload, p.tail}, nil
}

// join puts the pieces of a block together. It is valid until the next call.
func (p *packer) join(b packed) []byte {
	p.whole = append(append(append(p.whole[:0], b.heads...), b.payload...), b.tail...)
	return p.whole
}
