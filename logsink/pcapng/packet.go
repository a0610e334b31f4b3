package pcapng

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	tcpHeaderLen  = 20
	synOptionsLen = 8
	maxHeaderLen  = ipv6HeaderLen + tcpHeaderLen + synOptionsLen

	// maxSegment is the payload of the largest packet: an IPv4 packet's length is 16 bits, headers included
	// (RFC 791, 3.1). IPv6 could carry 20 bytes more.
	maxSegment = 65535 - ipv4HeaderLen - tcpHeaderLen

	protocolTCP = 6
	hopLimit    = 64
	// window and windowScale (RFC 7323, 2.2) make 8 MiB, far more than is ever unacknowledged in a recording.
	window      = 65535
	windowScale = 7
)

// The TCP flags in use (RFC 9293, 3.1).
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// segment is one TCP segment of length bytes, of which payload was kept: all or nothing.
type segment struct {
	from, to netip.AddrPort
	id       uint16 // IPv4 identification
	seq, ack uint32
	flags    uint8
	payload  []byte
	length   int
}

// appendTo appends the packet as it was captured: without its payload when that was not kept.
func (s *segment) appendTo(b []byte) []byte {
	start := len(b)
	tcpLen := tcpHeaderLen + s.optionsLen()
	if s.from.Addr().Is4() {
		b = s.appendIPv4(b, tcpLen+s.length)
	} else {
		b = s.appendIPv6(b, tcpLen+s.length)
	}
	tcp := len(b)
	b = s.appendTCP(b, tcpLen)
	b = append(b, s.payload...)
	if len(s.payload) == s.length {
		binary.BigEndian.PutUint16(b[tcp+16:], s.tcpChecksum(b[start:], b[tcp:]))
	}
	return b
}

func (s *segment) optionsLen() int {
	if s.flags&flagSYN != 0 {
		return synOptionsLen
	}
	return 0
}

func (s *segment) appendIPv4(b []byte, payloadLen int) []byte {
	const versionAndWords, dontFragment = 0x45, 0x4000
	start := len(b)
	b = append(b, versionAndWords, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4HeaderLen+payloadLen))
	b = binary.BigEndian.AppendUint16(b, s.id)
	b = binary.BigEndian.AppendUint16(b, dontFragment)
	b = append(b, hopLimit, protocolTCP, 0, 0)
	b = append(b, s.from.Addr().AsSlice()...)
	b = append(b, s.to.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(b[start+10:], ^fold(sum(b[start:])))
	return b
}

func (s *segment) appendIPv6(b []byte, payloadLen int) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(payloadLen))
	b = append(b, protocolTCP, hopLimit)
	from, to := s.from.Addr().As16(), s.to.Addr().As16()
	b = append(b, from[:]...)
	return append(b, to[:]...)
}

func (s *segment) appendTCP(b []byte, tcpLen int) []byte {
	b = binary.BigEndian.AppendUint16(b, s.from.Port())
	b = binary.BigEndian.AppendUint16(b, s.to.Port())
	b = binary.BigEndian.AppendUint32(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, s.ack)
	b = append(b, byte(tcpLen/4)<<4, s.flags)
	b = binary.BigEndian.AppendUint16(b, window)
	b = append(b, 0, 0, 0, 0) // checksum, urgent pointer
	if s.flags&flagSYN != 0 {
		const maximumSegmentSize, noOperation, scale = 2, 1, 3
		b = append(b, maximumSegmentSize, 4, maxSegment>>8, maxSegment&0xff, noOperation, scale, 3, windowScale)
	}
	return b
}

// tcpChecksum sums the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1) and the whole segment.
func (s *segment) tcpChecksum(packet, tcp []byte) uint16 {
	addresses := packet[12:ipv4HeaderLen]
	if !s.from.Addr().Is4() {
		addresses = packet[8:ipv6HeaderLen]
	}
	pseudo := uint64(fold(sum(addresses))) + protocolTCP + uint64(len(tcp))
	return ^fold(pseudo + uint64(fold(sum(tcp))))
}

// sum is the ones' complement sum of b as 64-bit words, which folds to that of its 16-bit words (RFC 1071, 2).
func sum(b []byte) uint64 {
	var total, carry uint64
	for ; len(b) >= 8; b = b[8:] {
		total, carry = bits.Add64(total, binary.BigEndian.Uint64(b), carry)
	}
	var tail [8]byte
	copy(tail[:], b)
	total, carry = bits.Add64(total, binary.BigEndian.Uint64(tail[:]), carry)
	total, carry = bits.Add64(total, 0, carry)
	return total + carry
}

func fold(n uint64) uint16 {
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}
