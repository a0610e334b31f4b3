package capture

import (
	"encoding/binary"
	"net/netip"
)

const (
	protocolTCP      = 6
	ipv6Header       = 40
	fragmentOffset   = 0x1fff
	minIPv4, portEnd = 20, 4
)

// addresses reads the two ends of a TCP packet, and says false when it is something else or too short. Packets with IPv6
// extension headers are something else: TCP on a host has none.
func addresses(b []byte) (source, destination netip.AddrPort, ok bool) {
	if len(b) == 0 {
		return source, destination, false
	}
	switch b[0] >> 4 {
	case 4: // RFC 791, 3.1
		if len(b) < minIPv4 || b[9] != protocolTCP || binary.BigEndian.Uint16(b[6:])&fragmentOffset != 0 {
			return source, destination, false
		}
		header := int(b[0]&15) * 4
		return withPorts(netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])), b[min(header, len(b)):])
	case 6: // RFC 8200, 3
		if len(b) < ipv6Header || b[6] != protocolTCP {
			return source, destination, false
		}
		return withPorts(netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:])), b[ipv6Header:])
	}
	return source, destination, false
}

// withPorts reads what a TCP header begins with. RFC 9293, 3.1.
func withPorts(from, to netip.Addr, tcp []byte) (source, destination netip.AddrPort, ok bool) {
	if len(tcp) < portEnd {
		return source, destination, false
	}
	return netip.AddrPortFrom(from, binary.BigEndian.Uint16(tcp)),
		netip.AddrPortFrom(to, binary.BigEndian.Uint16(tcp[2:])), true
}
