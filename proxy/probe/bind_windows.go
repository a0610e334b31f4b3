package probe

import (
	"net"
	"net/netip"
)

// bind takes an address and gives it up. The standard library binds only what listens, for a moment here.
func bind(at netip.AddrPort) error {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	return l.Close()
}
