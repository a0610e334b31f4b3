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
	payload  gopacket.Payload
	length   int

	dir     flow.Direction
	why     reason // for what was not kept
	counted bool   // it shows its bytes for the first time
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

// packer builds packets in their blocks, one at a time in one buffer. That is gopacket's, whose layers of protocols
// stay out: see docs/adr/0004-gopacket-without-its-layers.md.
type packer struct {
	buffer gopacket.SerializeBuffer
	block  enhanced
}

func newPacker() *packer {
	// A tail is the padding, a comment, and the length; a longer one makes the buffer grow.
	const tail = 256
	return &packer{buffer: gopacket.NewSerializeBufferExpectedSize(enhancedHeadLen+maxHeaderLen+keptSegment, tail)}
}

// pack builds the block of the segment's packet as it was captured: without its payload when that was not kept. It is
// valid until the next call.
func (p *packer) pack(leg uint32, at int64, s *segment, comment []byte) ([]byte, error) {
	p.block = enhanced{leg: leg, at: at, missing: s.missing(), comment: comment}
	err := gopacket.SerializeLayers(p.buffer, gopacket.SerializeOptions{}, &p.block, s.ip(), (*tcp)(s), &s.payload)
	if err != nil {
		return nil, fmt.Errorf("build a packet: %w", err)
	}
	return p.buffer.Bytes(), nil
}
