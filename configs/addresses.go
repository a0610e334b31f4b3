package configs

import (
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// spot is one address that an endpoint stands for.
type spot struct {
	addr netip.Addr // not valid for a name
	host string     // the name, or the path of a Unix socket
	port uint16     // 0 for Unix sockets
}

// spotsOf are the addresses that e stands for: a bare port and localhost are 127.0.0.1 and ::1.
func spotsOf(e flow.Endpoint) []spot {
	addr, isAddr := e.Addr()
	switch {
	case e.IsZero():
		return nil
	case strings.HasPrefix(e.Path, "@"):
		return []spot{{host: e.Path}}
	case e.IsUnix():
		return []spot{{host: path.Clean(e.Path)}}
	case isAddr:
		return []spot{{addr: addr, port: e.Port}}
	case e.Host == "" || isLocalhost(e.Host):
		return []spot{{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), port: e.Port}, {addr: netip.IPv6Loopback(), port: e.Port}}
	default:
		return []spot{{host: strings.ToLower(e.Host), port: e.Port}}
	}
}

func isLocalhost(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost") // RFC 6761, 6.3
}

// meet says whether two endpoints have an address in common. A wildcard has every address of its family, and of own
// addresses only those of this host matter; 0.0.0.0 and :: meet each other, since :: takes both families.
func meet(a, b flow.Endpoint, own []netip.Addr) bool {
	return slices.ContainsFunc(spotsOf(a), func(x spot) bool {
		return slices.ContainsFunc(spotsOf(b), func(y spot) bool { return x == y || covers(x, y, own) || covers(y, x, own) })
	})
}

// covers says whether x is a wildcard on whose socket connections to y arrive.
func covers(x, y spot, own []netip.Addr) bool {
	if x.port != y.port || !x.addr.IsValid() || !y.addr.IsValid() || !x.addr.IsUnspecified() {
		return false
	}
	if x.addr.Is4() && !y.addr.Is4() {
		return false
	}
	return y.addr.IsUnspecified() || y.addr.IsLoopback() || slices.Contains(own, y.addr.WithZone(""))
}

// front is one address that a service listens on.
type front struct {
	key      string
	service  *Service
	endpoint flow.Endpoint
}

// fronts checks that no two fronts want the same address, and keeps them by their ports.
func (c *checker) fronts() {
	c.byPort = make(map[uint16][]front)
	for i := range c.config.Services {
		s := &c.config.Services[i]
		for j, e := range s.Listen {
			f := front{item(item("services", i)+".listen", j), s, e}
			if o := c.frontAt(e); o != nil {
				c.report(f.key, fmt.Sprintf("%s is taken: service %q listens on %s; expected an address of its own", e, o.service.Name, o.endpoint))
			}
			c.byPort[e.Port] = append(c.byPort[e.Port], f)
		}
	}
}

// frontAt is the first of the fronts so far that has an address in common with e; nil when there is none.
func (c *checker) frontAt(e flow.Endpoint) *front {
	same := c.byPort[e.Port]
	if i := slices.IndexFunc(same, func(f front) bool { return meet(f.endpoint, e, c.own) }); i >= 0 {
		return &same[i]
	}
	return nil
}

// backend checks where a service's sessions go.
func (c *checker) backend(key string, s *Service) {
	addr, isAddr := s.Backend.Addr()
	switch {
	case s.Backend.IsZero():
		c.report(key, "not given; expected the address of the local service, as in 5432 or unix:/run/app.sock")
	case isAddr && addr.IsUnspecified():
		c.report(key, fmt.Sprintf("found %s, which is every address of this host; expected one, as in 127.0.0.1:%d or %d", s.Backend, s.Backend.Port, s.Backend.Port))
	case slices.ContainsFunc(s.Listen, func(e flow.Endpoint) bool { return meet(e, s.Backend, c.own) }):
		c.report(key, fmt.Sprintf("%s is the service's own front: sessions would go round for ever; expected the address of the local service", s.Backend))
	case c.frontAt(s.Backend) != nil:
		c.report(key, fmt.Sprintf("%s is the front of service %q: sessions would go through two doors, or round for ever; "+
			"expected the address of the local service", s.Backend, c.frontAt(s.Backend).service.Name))
	case c.remote(s.Backend) && !c.config.RemoteBackendOn(s):
		c.report(key, fmt.Sprintf("%s is on another host, which would take every client for this one; "+
			"expected a local address, or allow_remote_backend: true (--allow-remote-backend) if it is meant", s.Backend))
	}
}

// remote says whether a backend is, or may be, on another host: a name can be any host's.
func (c *checker) remote(e flow.Endpoint) bool {
	addr, isAddr := e.Addr()
	switch {
	case e.IsUnix(), e.Host == "", isLocalhost(e.Host):
		return false
	case !isAddr:
		return true
	default:
		return !addr.IsLoopback() && !slices.Contains(c.own, addr.WithZone(""))
	}
}

// ownAddrs asks the system for the addresses of all interfaces.
func ownAddrs() ([]netip.Addr, error) {
	nets, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of this host: %w", err)
	}
	var addrs []netip.Addr
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			addrs = append(addrs, p.Addr().Unmap().WithZone(""))
		}
	}
	return addrs, nil
}
