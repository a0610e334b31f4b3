package peer

import (
	"net/netip"
	"slices"
	"strconv"
)

// OwnAddresses lists this host's own addresses that are not loopback and can be bound now, sorted and each once.
// Link-local IPv6 addresses have their interface's index as zone.
func OwnAddresses() ([]netip.Addr, error) {
	interfaces, err := Interfaces()
	if err != nil {
		return nil, err
	}
	return ownAddresses(interfaces), nil
}

func ownAddresses(interfaces []Interface) []netip.Addr {
	var own []netip.Addr
	for i := range interfaces {
		in := &interfaces[i]
		if !in.Up {
			continue
		}
		for _, a := range in.Own {
			if a.IsLoopback() {
				continue
			}
			if a.Is6() && a.IsLinkLocalUnicast() {
				a = a.WithZone(strconv.Itoa(in.Index))
			}
			own = append(own, a)
		}
	}
	slices.SortFunc(own, netip.Addr.Compare)
	return slices.Compact(own)
}
