// Package peer says what kind of place the other end of an accepted socket is at, and whether it is proven to be on
// this host. An address alone proves nothing on Linux: packets that came in over the network can carry 127.0.0.9.
package peer

import (
	"fmt"
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/origin"
)

// Config of an [Identifier]. The zero Config is right.
type Config struct {
	// Interfaces reads this host's interfaces; nil is [Interfaces].
	Interfaces func() ([]Interface, error)
	// Users names user ids; nil is a new one.
	Users *origin.Users
}

// Identifier examines accepted sockets. It may be used by many goroutines at once.
type Identifier struct {
	view    *view
	users   *origin.Users
	missing []string
	system
}

// New returns an Identifier for the network namespace of the calling thread. What the system does not allow is not an
// error; [Identifier.Missing] tells it.
func New(c Config) (*Identifier, error) {
	if c.Interfaces == nil {
		c.Interfaces = Interfaces
	}
	if c.Users == nil {
		c.Users = origin.NewUsers()
	}
	v, err := newView(c.Interfaces)
	id := &Identifier{view: v, users: c.Users}
	if err != nil {
		id.missing = append(id.missing, fmt.Sprintf(
			"this host's interfaces cannot be read (%v): zones are told by address only; allow netlink sockets", err))
	}
	id.missing = append(id.missing, id.open()...)
	return id, nil
}

// Missing tells what this system does not allow, what follows, and how to get it: a line each.
func (id *Identifier) Missing() []string { return id.missing }

// Identify examines an accepted socket. It never fails: what could not be found out is unknown, and a peer that could
// not be proven is not. The lead is what the peer's process can be looked for by.
func (id *Identifier) Identify(s *lane.Socket) (flow.Peer, flow.Origin, flow.Lead) {
	if s.IsUnix() {
		return id.identifyUnix(s)
	}
	p := flow.Peer{Addr: plain(s.Remote()), Front: plain(s.Local())}
	e := id.examine(s)
	interfaces, ingress := id.view.get(p.Addr.Addr(), e.ingress)
	if ingress != nil {
		p.Interface = ingress.Name
	}
	p.Zone = interfaces.zone(p.Addr.Addr(), ingress)
	p.Proof = proofOf(p.Zone, e, ingress)
	if p.Local() && p.Zone != flow.ZoneLoopback {
		p.Zone = flow.ZoneSelf // proven, though the address is not, or not any more, in the list
	}
	return p, id.owner(e), flow.Lead{Local: p.Addr, Remote: p.Front, Inode: e.inode}
}

// evidence is what the system says about an accepted TCP socket.
type evidence struct {
	// ingress is the index of the interface through which the peer's packets came; 0 when unknown.
	ingress int
	// found says that the peer's own socket is in this network namespace.
	found bool
	// inode is that socket's; 0 when unknown.
	inode uint64
	// uid is its user, when that is known.
	uid      uint32
	uidKnown bool
}

func (id *Identifier) owner(e evidence) flow.Origin {
	if !e.uidKnown {
		return flow.Origin{}
	}
	return flow.Origin{Attribution: flow.AttributionUIDOnly, UID: e.uid, User: id.users.Name(e.uid)}
}

// plain is an address as rules compare it: 127.0.0.0/8 does not contain ::ffff:127.0.0.1, and no prefix an address
// with a zone.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
