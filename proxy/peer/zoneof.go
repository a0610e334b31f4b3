package peer

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ZoneOf tells what kind of place an address is, seen from this host as it is now. ingress is the name of the
// interface by which its packets come in; empty when that is not known. The error is of reading the interfaces, or
// names the interface that does not exist.
func ZoneOf(a netip.Addr, ingress string) (flow.Zone, error) {
	interfaces, err := Interfaces()
	if err != nil {
		return flow.ZoneUnknown, fmt.Errorf("read this host's interfaces: %w", err)
	}
	a = a.Unmap().WithZone("")
	s := newSnapshot(interfaces, time.Now())
	if ingress == "" {
		return s.zone(a, nil), nil
	}
	for i := range interfaces {
		if interfaces[i].Name == ingress {
			return s.zone(a, &interfaces[i]), nil
		}
	}
	return flow.ZoneUnknown, fmt.Errorf("there is no interface %q", ingress)
}

// ZoneOf tells what kind of place an address is, when the interface by which its packets come in is not known.
func (id *Identifier) ZoneOf(a netip.Addr) flow.Zone {
	a = a.Unmap().WithZone("")
	interfaces, _ := id.view.get(a, 0)
	return interfaces.zone(a, nil)
}
