package capture

import (
	"fmt"
	"net/netip"
	"slices"
)

// ends are where services listen.
type ends []netip.AddrPort

func newEnds(all []netip.AddrPort) (ends, error) {
	list := make(ends, len(all))
	for i, a := range all {
		if !a.Addr().IsValid() || a.Port() == 0 {
			return nil, fmt.Errorf("capture packets of %s: expected an address and a port", a)
		}
		list[i] = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
	}
	return list, nil
}

// ports are the ports of all ends, each once.
func (e ends) ports() []uint16 {
	var all []uint16
	for _, a := range e {
		all = append(all, a.Port())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// find completes a packet with its end, and says false when it has none: the port was that of somebody else, at another
// address. Both ways of a connection have the same end, since the first that fits either address is taken.
func (e ends) find(p *Packet) bool {
	for _, end := range e {
		if to := covers(end, p.Destination); to || covers(end, p.Source) {
			p.End, p.FromEnd = end, !to
			return true
		}
	}
	return false
}

func covers(end, a netip.AddrPort) bool {
	return end.Port() == a.Port() && (end.Addr() == a.Addr() || end.Addr().IsUnspecified())
}
