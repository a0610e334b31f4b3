package recording

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

// The TCP flags in use (RFC 9293, 3.1).
const (
	flagFIN = 1 << 0
	flagSYN = 1 << 1
	flagRST = 1 << 2
	flagACK = 1 << 4
)

// segment is a TCP segment in a packet that was recorded.
type segment struct {
	from, to netip.AddrPort
	seq, ack uint32
	flags    uint8
	payload  []byte // as much as was kept
	length   int    // of the whole payload

	head int    // bytes of the packet before the payload
	tcp  []byte // header and payload as far as they were kept
}

// missing is how many bytes of the payload were not kept.
func (s *segment) missing() int { return s.length - len(s.payload) }

// parsePacket finds the segment in a packet. ok is false when there is none, or not enough of it, or when it is a
// fragment.
func parsePacket(link block.Link, p *block.Packet) (s segment, ok bool) {
	switch link {
	case block.LinkRaw:
		return parseIP(p.Data, int(p.Length))
	case block.LinkEthernet:
		return parseEthernet(p.Data, int(p.Length))
	}
	return s, false
}

func parseEthernet(b []byte, length int) (s segment, ok bool) {
	const headerLen, ipv4, ipv6 = 14, 0x0800, 0x86dd
	if len(b) < headerLen {
		return s, false
	}
	if kind := binary.BigEndian.Uint16(b[12:]); kind != ipv4 && kind != ipv6 {
		return s, false
	}
	return behind(headerLen)(parseIP(b[headerLen:], length-headerLen))
}

// behind counts the header that a segment was found behind.
func behind(n int) func(segment, bool) (segment, bool) {
	return func(s segment, ok bool) (segment, bool) {
		s.head += n
		return s, ok
	}
}

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	tcpHeaderLen  = 20
	protocolTCP   = 6
)

// parseIP takes a packet of which b was kept, and which had length bytes on the wire.
func parseIP(b []byte, length int) (s segment, ok bool) {
	if len(b) == 0 {
		return s, false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b, length)
	case 6:
		return parseIPv6(b, length)
	}
	return s, false
}

func parseIPv4(b []byte, length int) (s segment, ok bool) {
	const words, fragment = 4, 0x3fff // more fragments, or an offset
	if len(b) < ipv4HeaderLen {
		return s, false
	}
	headerLen := int(b[0]&0xf) * words
	if headerLen < ipv4HeaderLen || len(b) < headerLen || b[9] != protocolTCP ||
		binary.BigEndian.Uint16(b[6:])&fragment != 0 {
		return s, false
	}
	if total := int(binary.BigEndian.Uint16(b[2:])); total != 0 {
		length = total // otherwise the kernel had it too large for the field
	}
	from, to := netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	return behind(headerLen)(parseTCP(from, to, b[headerLen:], length-headerLen))
}

func parseIPv6(b []byte, length int) (s segment, ok bool) {
	if len(b) < ipv6HeaderLen || b[6] != protocolTCP {
		return s, false
	}
	if payload := int(binary.BigEndian.Uint16(b[4:])); payload != 0 {
		length = ipv6HeaderLen + payload
	}
	from, to := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	return behind(ipv6HeaderLen)(parseTCP(from, to, b[ipv6HeaderLen:], length-ipv6HeaderLen))
}

func parseTCP(from, to netip.Addr, b []byte, length int) (s segment, ok bool) {
	const words = 4
	if len(b) < tcpHeaderLen {
		return s, false
	}
	headerLen := int(b[12]>>4) * words
	if headerLen < tcpHeaderLen || len(b) < headerLen || length < headerLen {
		return s, false
	}
	b = b[:min(len(b), length)] // Ethernet pads short frames
	be := binary.BigEndian
	return segment{
		from: netip.AddrPortFrom(from, be.Uint16(b)), to: netip.AddrPortFrom(to, be.Uint16(b[2:])),
		seq: be.Uint32(b[4:]), ack: be.Uint32(b[8:]), flags: b[13],
		payload: b[headerLen:], length: length - headerLen, head: headerLen, tcp: b,
	}, true
}

// sumUp writes the checksum anew (RFC 9293, 3.1), or 0 when the payload that it is of is not there.
func (s *segment) sumUp() {
	field := s.tcp[16:18]
	binary.BigEndian.PutUint16(field, 0)
	if s.missing() > 0 {
		return
	}
	total := uint64(protocolTCP) + uint64(len(s.tcp))
	total += sum(s.from.Addr().AsSlice()) + sum(s.to.Addr().AsSlice()) + sum(s.tcp)
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	binary.BigEndian.PutUint16(field, ^uint16(total))
}

// sum is the ones' complement sum of b in 16 bits (RFC 1071, 2).
func sum(b []byte) uint64 {
	var total, carry uint64
	for ; len(b) >= 8; b = b[8:] {
		total, carry = bits.Add64(total, binary.BigEndian.Uint64(b), carry)
	}
	var tail [8]byte
	copy(tail[:], b)
	total, carry = bits.Add64(total, binary.BigEndian.Uint64(tail[:]), carry)
	total, carry = bits.Add64(total, 0, carry)
	total += carry
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return total
}
