package origin

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// candidates are the addresses that an endpoint may mean, first choice first.
func (f *finder) candidates(at flow.Endpoint) ([]netip.Addr, error) {
	if at.Host == "" || strings.EqualFold(at.Host, "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	a, ok := at.Addr()
	if !ok {
		return nil, fmt.Errorf("%q is not an address", at.Host)
	}
	a = a.WithZone("")
	if a.IsUnspecified() || a.IsLoopback() {
		return []netip.Addr{a}, nil
	}
	own, err := f.addresses()
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(own, func(o net.Addr) bool { return isAddr(o, a) }) {
		return nil, errors.New("it is not an address of this host")
	}
	return []netip.Addr{a}, nil
}

func isAddr(o net.Addr, a netip.Addr) bool {
	n, ok := o.(*net.IPNet)
	return ok && n.IP.Equal(a.AsSlice())
}

// listenerAt is the socket that would get a connection to an address: one that is bound to just it goes before one
// that takes all. For an unspecified address it is any that overlaps.
func listenerAt(sockets []sockdiag.Socket, a netip.Addr) *sockdiag.Socket {
	var best *sockdiag.Socket
	for i := range sockets {
		s := &sockets[i]
		if s.Local.Addr() == a {
			return s
		}
		if best == nil && (covers(s.Local.Addr(), a, s.V6Only) || covers(a, s.Local.Addr(), false)) {
			best = s
		}
	}
	return best
}

// covers says whether a socket at the unspecified address wide also takes what is sent to a.
func covers(wide, a netip.Addr, v6only bool) bool {
	return wide.IsUnspecified() && (wide.Is4() == a.Is4() || wide.Is6() && !v6only)
}
