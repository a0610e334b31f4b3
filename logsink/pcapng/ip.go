package pcapng

import (
	"encoding/binary"

	"github.com/google/gopacket"
)

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	hopLimit      = 64
	protocolTCP   = 6
)

// ipv4 and ipv6 are a segment as the packet that carries it. Lengths are those of the whole segment, also when its
// payload was not kept; lengths and checksums are written whatever the options.
type (
	ipv4 segment
	ipv6 segment
)

// The numbers under which gopacket/layers registers these; nothing here looks them up.
const (
	layerIPv4 gopacket.LayerType = 20
	layerIPv6 gopacket.LayerType = 21
)

func (*ipv4) LayerType() gopacket.LayerType { return layerIPv4 }

// SerializeTo writes the header (RFC 791, 3.1) before the segment.
func (p *ipv4) SerializeTo(b gopacket.SerializeBuffer, _ gopacket.SerializeOptions) error {
	const versionAndWords, dontFragment = 0x45, 0x4000
	length := ipv4HeaderLen + len(b.Bytes()) + p.length
	h, err := b.PrependBytes(ipv4HeaderLen)
	if err != nil {
		return err
	}
	be := binary.BigEndian
	h[0], h[1] = versionAndWords, 0
	be.PutUint16(h[2:], uint16(length))
	be.PutUint16(h[4:], p.id)
	be.PutUint16(h[6:], dontFragment)
	h[8], h[9] = hopLimit, protocolTCP
	be.PutUint16(h[10:], 0) // the checksum, while it is summed
	from, to := p.from.Addr().As4(), p.to.Addr().As4()
	copy(h[12:], from[:])
	copy(h[16:], to[:])
	be.PutUint16(h[10:], ^fold(sum(h)))
	return nil
}

func (*ipv6) LayerType() gopacket.LayerType { return layerIPv6 }

// SerializeTo writes the header (RFC 8200, 3) before the segment.
func (p *ipv6) SerializeTo(b gopacket.SerializeBuffer, _ gopacket.SerializeOptions) error {
	const version = 6 << 28 // traffic class and flow label are 0
	length := len(b.Bytes()) + p.length
	h, err := b.PrependBytes(ipv6HeaderLen)
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(h, version)
	binary.BigEndian.PutUint16(h[4:], uint16(length))
	h[6], h[7] = protocolTCP, hopLimit
	from, to := p.from.Addr().As16(), p.to.Addr().As16()
	copy(h[8:], from[:])
	copy(h[24:], to[:])
	return nil
}
