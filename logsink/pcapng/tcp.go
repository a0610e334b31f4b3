package pcapng

import (
	"encoding/binary"

	"github.com/google/gopacket"
)

const (
	tcpHeaderLen  = 20
	synOptionsLen = 8
	maxHeaderLen  = ipv6HeaderLen + tcpHeaderLen + synOptionsLen

	// window and windowScale (RFC 7323, 2.2) make 8 MiB, far more than is ever unacknowledged in a recording.
	window      = 65535
	windowScale = 7
)

// tcp is a segment as its header. The checksum is written whatever the options; it is 0 when the payload that it is of
// was not kept.
type tcp segment

// layerTCP is the number under which gopacket/layers registers it; nothing here looks it up.
const layerTCP gopacket.LayerType = 44

func (*tcp) LayerType() gopacket.LayerType { return layerTCP }

// SerializeTo writes the header (RFC 9293, 3.1), behind which the payload is to be.
func (s *tcp) SerializeTo(b gopacket.SerializeBuffer, _ gopacket.SerializeOptions) error {
	const words = 4 // bytes in the unit of the data offset
	headerLen := s.headerLen()
	h, err := b.PrependBytes(headerLen)
	if err != nil {
		return err
	}
	be := binary.BigEndian
	be.PutUint16(h, s.from.Port())
	be.PutUint16(h[2:], s.to.Port())
	be.PutUint32(h[4:], s.seq)
	be.PutUint32(h[8:], s.ack)
	h[12], h[13] = byte(headerLen/words)<<4, s.flags
	be.PutUint16(h[14:], window)
	be.PutUint32(h[16:], 0) // checksum, urgent pointer
	if headerLen > tcpHeaderLen {
		const maximumSegmentSize, noOperation, scale = 2, 1, 3
		copy(h[tcpHeaderLen:], []byte{
			maximumSegmentSize, 4, maxSegment >> 8, maxSegment & 0xff, noOperation, scale, 3, windowScale,
		})
	}
	if (*segment)(s).missing() == 0 {
		be.PutUint16(h[16:], s.checksum(h))
	}
	return nil
}

func (s *tcp) headerLen() int {
	if s.flags&flagSYN != 0 {
		return tcpHeaderLen + synOptionsLen
	}
	return tcpHeaderLen
}

// checksum sums the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1), the header, whose length is even, and the payload.
func (s *tcp) checksum(header []byte) uint16 {
	pseudo := s.addresses() + protocolTCP + uint64(len(header)+len(s.payload))
	return ^fold(pseudo + sum(header) + (*segment)(s).sum())
}

// addresses is the sum of both.
func (s *tcp) addresses() uint64 {
	if s.from.Addr().Is4() {
		from, to := s.from.Addr().As4(), s.to.Addr().As4()
		return uint64(fold(sum(from[:]))) + uint64(fold(sum(to[:])))
	}
	from, to := s.from.Addr().As16(), s.to.Addr().As16()
	return uint64(fold(sum(from[:]))) + uint64(fold(sum(to[:])))
}
