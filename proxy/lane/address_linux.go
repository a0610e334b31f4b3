//go:build !portable

package lane

import "net/netip"

// address is a TCP address in 20 bytes, where netip takes 32: there are two for each of a session's sockets. The zone of
// an IPv6 address, which hardly any has, is kept elsewhere.
type address struct {
	ip   [16]byte
	port uint16
	bits uint8 // 32 or 128; 0 is no address
}

func pack(a netip.AddrPort) address {
	return address{ip: a.Addr().As16(), port: a.Port(), bits: uint8(max(0, a.Addr().BitLen()))}
}

func (a *address) unpack(zone string) netip.AddrPort {
	ip := netip.AddrFrom16(a.ip)
	switch a.bits {
	case 0:
		return netip.AddrPort{}
	case 32:
		ip = ip.Unmap()
	}
	return netip.AddrPortFrom(ip.WithZone(zone), a.port)
}
