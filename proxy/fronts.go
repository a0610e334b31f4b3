package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// BindError is a front that could not be bound.
type BindError struct {
	Service string
	Front   flow.Endpoint // the one address that failed
	Err     error
	// FreeOther is the address of the other family that is free although this one is taken; zero otherwise.
	FreeOther flow.Endpoint
	// Restart says that lodoor itself holds the address in another shape, which a reload cannot change.
	Restart bool
}

func (e *BindError) Error() string {
	msg := fmt.Sprintf("service %s: listen on %s: %v", e.Service, e.Front, e.Err)
	if e.Restart {
		msg += " by lodoor itself; this change needs a restart"
	}
	return msg
}

func (e *BindError) Unwrap() error { return e.Err }

// InUse says whether somebody else has the address.
func (e *BindError) InUse() bool { return errors.Is(e.Err, errInUse) }

// front is one address to be bound.
type front struct {
	endpoint flow.Endpoint
	addr     netip.AddrPort // not valid for Unix sockets
	tripwire bool
	// optional fronts may be missing where the host has no such address (::1 beside 127.0.0.1).
	optional bool
	// kept says that somebody else holds the socket, too: what waits in its queue at the end is not refused but left.
	kept bool
}

// key tells fronts apart over reloads.
func (f *front) key() string {
	if f.tripwire {
		return "tripwire " + f.endpoint.String()
	}
	return f.endpoint.String()
}

// frontsOf turns what the configuration says into addresses to bind. A bare port and localhost are 127.0.0.1 and ::1.
func frontsOf(s *Service) ([]front, error) {
	var fronts []front
	for _, e := range s.Fronts {
		some := frontsAt(e)
		if len(some) == 0 {
			return nil, fmt.Errorf("service %s: listen on %s: expected an address of this host, not a name", s.Name, e)
		}
		fronts = append(fronts, some...)
	}
	for e := range headedFronts(s) {
		if !slices.ContainsFunc(fronts, func(f front) bool { return f.endpoint == e }) {
			return nil, fmt.Errorf("service %s: a PROXY header is asked for at %s, which is none of its fronts", s.Name, e)
		}
	}
	return append(fronts, tripwires(s, fronts)...), nil
}

// frontsAt are the addresses that one endpoint stands for; none for a name.
func frontsAt(e flow.Endpoint) []front {
	switch addr, ok := e.Addr(); {
	case e.IsUnix():
		return []front{{endpoint: e}}
	case ok:
		return []front{tcpFront(addr, e.Port)}
	case e.Host == "" || e.Host == "localhost":
		v6 := tcpFront(netip.IPv6Loopback(), e.Port)
		v6.optional = true
		return []front{tcpFront(netip.AddrFrom4([4]byte{127, 0, 0, 1}), e.Port), v6}
	default:
		return nil
	}
}

// headedFronts are the addresses at which a header is asked for.
func headedFronts(s *Service) map[flow.Endpoint]bool {
	if s.Header == nil {
		return nil
	}
	asked := s.HeaderFronts
	if len(asked) == 0 {
		asked = s.Fronts
	}
	headed := make(map[flow.Endpoint]bool)
	for _, e := range asked {
		for _, f := range frontsAt(e) {
			headed[f.endpoint] = true
		}
	}
	return headed
}

func tcpFront(addr netip.Addr, port uint16) front {
	return front{
		endpoint: flow.Endpoint{Host: addr.String(), Port: port},
		addr:     netip.AddrPortFrom(addr, port),
	}
}

// tripwires are the own addresses to watch on the ports of fronts that do not already cover them.
func tripwires(s *Service, fronts []front) []front {
	var watch []front
	covered := make(map[netip.AddrPort]bool)
	for _, f := range fronts {
		covered[f.addr] = true
	}
	for _, f := range fronts {
		for _, addr := range s.Tripwire {
			t := tcpFront(addr, f.addr.Port())
			t.tripwire = true
			if f.addr.IsValid() && !covered[t.addr] && !coveredByWildcard(t.addr, covered) {
				covered[t.addr] = true
				watch = append(watch, t)
			}
		}
	}
	return watch
}

func coveredByWildcard(a netip.AddrPort, covered map[netip.AddrPort]bool) bool {
	if covered[netip.AddrPortFrom(netip.IPv6Unspecified(), a.Port())] {
		return true
	}
	return a.Addr().Is4() && covered[netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())]
}

// isMissingFamily says whether a bind failed because the host has no such address at all.
func isMissingFamily(err error) bool {
	return errors.Is(err, errNoAddress) || errors.Is(err, errNoFamily)
}

// otherLoopback is the loopback front of the other family, for the hint that it is free.
func otherLoopback(f front) (front, bool) {
	switch f.addr.Addr() {
	case netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return tcpFront(netip.IPv6Loopback(), f.addr.Port()), true
	case netip.IPv6Loopback():
		return tcpFront(netip.AddrFrom4([4]byte{127, 0, 0, 1}), f.addr.Port()), true
	default:
		return front{}, false
	}
}
