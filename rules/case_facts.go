package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// nothing is how a case says that the peer has no container, unit or forwarder.
const nothing = "none"

// ZoneOf tells the zone of an address that came in through an interface; the interface is empty when not known.
type ZoneOf func(addr netip.Addr, iface string) (flow.Zone, error)

// facts are those of a peer as the case says. The process counts as looked for: what is not given is not known.
func (c *Case) facts(s *Set, zoneOf ZoneOf) (*flow.Facts, error) {
	f := &flow.Facts{Service: c.Service, Sought: true}
	if s.services[c.Service] == nil {
		return nil, fmt.Errorf("service: unknown service %q: expected one of %s", c.Service, strings.Join(s.order, ", "))
	}
	when, err := c.moment(s.config.Location)
	f.Time = when
	return f, errors.Join(err, c.peer(&f.Peer, zoneOf), c.client(&f.Peer, zoneOf), c.origin(&f.Origin, s))
}

func (c *Case) moment(location *time.Location) (time.Time, error) {
	if c.Time == "" {
		return time.Date(2026, time.March, 2, 12, 0, 0, 0, location), nil // a Monday; the same answer every day
	}
	if t, err := time.Parse(time.RFC3339, c.Time); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", c.Time, location)
	if err != nil {
		return t, fmt.Errorf("time: %q: expected a time such as 2026-03-02 14:30 or 2026-03-02T14:30:00Z", c.Time)
	}
	return t, nil
}

func (c *Case) peer(p *flow.Peer, zoneOf ZoneOf) error {
	p.Interface = c.Interface
	switch c.Address {
	case "unix":
		p.Zone, p.Proof = flow.ZoneUnix, flow.ProofUnix
		return nil
	case "":
		p.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), anyPort)
	default:
		addr, err := parseHost(c.Address)
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		p.Addr = addr
	}
	zone, err := zoneFor(c.Zone, p.Addr.Addr(), c.Interface, zoneOf)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	p.Zone = zone
	switch {
	case c.Disguised && !zone.Local():
		return fmt.Errorf("disguised: the zone is %s, and only a peer that claims to be on this host can be disguised", zone)
	case zone.Local() && !c.Disguised:
		p.Proof = flow.ProofSocket
	}
	return nil
}

// anyPort is a client's port, for cases that do not say one.
const anyPort = 40000

// parseHost reads an address with or without a port.
func parseHost(text string) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return netip.AddrPortFrom(plain(ap.Addr()), ap.Port()), nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q: expected an address such as 192.0.2.7, or unix for a Unix socket's peer", text)
	}
	return netip.AddrPortFrom(plain(addr), anyPort), nil
}

// zoneFor is the zone that the case gives, or that of the address.
func zoneFor(given *flow.Zone, addr netip.Addr, iface string, zoneOf ZoneOf) (flow.Zone, error) {
	if given != nil {
		return *given, nil
	}
	zone, err := zoneOf(addr, iface)
	if err != nil {
		return zone, fmt.Errorf("the zone of %s: %w", addr, err)
	}
	return zone, nil
}

func (c *Case) client(p *flow.Peer, zoneOf ZoneOf) error {
	if c.Client == "" {
		return nil
	}
	client, err := parseHost(c.Client)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	zone, err := zoneFor(c.ClientZone, client.Addr(), "", zoneOf)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if c.ClientZone == nil {
		zone = p.ClientZone(client.Addr(), zone)
	}
	p.Conveyed = &flow.Conveyed{Client: client, Zone: zone, Version: 2}
	return nil
}

func (c *Case) origin(o *flow.Origin, s *Set) error {
	if c.User != "" {
		uid, err := (&compiler{config: s.config}).user(c.User)
		if err != nil {
			return fmt.Errorf("user: %w", err)
		}
		o.Attribution, o.UID = flow.AttributionUIDOnly, uid
		if strings.Trim(c.User, "0123456789") != "" {
			o.User = c.User
		}
	}
	if err := c.process(o); err != nil {
		return err
	}
	if c.Attribution == nil {
		return nil
	}
	if a := *c.Attribution; (a >= flow.AttributionLiveSocket) != (o.Process != nil) || a == flow.AttributionNone && c.User != "" {
		return fmt.Errorf("attribution: %s does not go with what the case says of the process and the user", a)
	}
	o.Attribution = *c.Attribution
	return nil
}

// process makes the process of what the case says of it. An origin with a process has a user: lodoor's own would be a
// guess, so the case has to say it.
func (c *Case) process(o *flow.Origin) error {
	if c.Program+c.Executable+c.CommandLine+c.Container+c.Unit+c.Forwarder == "" {
		return nil
	}
	if c.User == "" {
		return errors.New("user: not given: who knows the process knows its user")
	}
	p := &flow.Process{
		Program: c.Program, Executable: flow.Executable{Path: c.Executable}, CommandLine: c.CommandLine, UID: o.UID, User: o.User,
	}
	if c.Container+c.Unit != "" {
		p.Cgroup = "/" // known
	}
	if c.Unit != nothing {
		p.Unit = c.Unit
	}
	if c.Container != "" && c.Container != nothing {
		p.Container = parseContainer(c.Container)
	}
	o.Attribution, o.Process, o.Program = flow.AttributionLiveSocket, p, p.Program
	if c.Forwarder != "" && c.Forwarder != nothing {
		o.Forwarder = &flow.Forwarder{Name: c.Forwarder, Reason: "the case says so"}
		if c.ForwarderZone != nil {
			o.Forwarder.Zone = *c.ForwarderZone
		}
	}
	return nil
}

// parseContainer reads RUNTIME, RUNTIME/ID or an id.
func parseContainer(text string) flow.Container {
	runtime, id, both := strings.Cut(text, "/")
	switch {
	case both, slices.Contains(runtimes(), runtime):
		return flow.Container{Runtime: runtime, ID: id}
	default:
		return flow.Container{ID: text}
	}
}
