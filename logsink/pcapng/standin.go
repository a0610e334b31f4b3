package pcapng

import (
	"net/netip"
	"sync/atomic"
)

const (
	// The ports that stand for Unix-socket clients go round from firstStandIn; servers have standInPort.
	firstStandIn, standInPort = 1024, 1
)

// standIns gives Unix-socket clients, and lodoor before a backend's Unix socket, addresses that no host has (reserved by
// RFC 1112, 4), so that nobody takes them for real.
type standIns struct{ fronts, backs atomic.Uint32 }

func (s *standIns) front() (client, front netip.AddrPort) { return standIn(&s.fronts, 1) }

func (s *standIns) backend() (leg, server netip.AddrPort) { return standIn(&s.backs, 3) }

// standIn is 240.0.0.last, with a port that comes again only after all others, and the address behind it.
func standIn(given *atomic.Uint32, last byte) (from, to netip.AddrPort) {
	port := firstStandIn + (given.Add(1)-1)%(1<<16-firstStandIn)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{240, 0, 0, last}), uint16(port)),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{240, 0, 0, last + 1}), standInPort)
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
