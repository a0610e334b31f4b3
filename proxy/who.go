package proxy

import (
	"net/netip"
	"sync/atomic"

	"github.com/lodoor/lodoor/proxy/flow"
)

// who is what was found out about a peer besides its addresses, which its socket has. It is not changed, and sessions
// of which the same was found out share one: there are few kinds of peers and many sessions.
type who struct {
	zone   flow.Zone
	proof  flow.Proof
	via    string // the ingress interface
	origin flow.Origin
	// conveyed is whom the peer speaks for; mostly nil.
	conveyed *flow.Conveyed
}

// whose keeps the who that was found out last.
type whose struct{ last atomic.Pointer[who] }

// same compares what sessions can share. Several holders of a socket are one session's affair.
func (w *who) same(o *who) bool {
	a, b := &w.origin, &o.origin
	return w.zone == o.zone && w.proof == o.proof && w.via == o.via && w.conveyed == o.conveyed &&
		a.Attribution == b.Attribution && a.UID == b.UID && a.User == b.User && a.PID == b.PID && a.Program == b.Program &&
		a.Process == b.Process && a.Forwarder == b.Forwarder && len(a.Holders)+len(b.Holders) == 0
}

func (k *whose) share(w who) *who {
	if last := k.last.Load(); last != nil && last.same(&w) {
		return last
	}
	k.last.Store(&w)
	return &w
}

func (x *session) identify() flow.Lead {
	s := x.server()
	p, o, lead := s.config.Identify.Identify(x.client)
	x.who.Store(s.whose.share(who{zone: p.Zone, proof: p.Proof, via: p.Interface, origin: o}))
	return lead
}

// learn replaces what is known of the peer.
func (x *session) learn(change func(*who)) {
	w := *x.who.Load()
	change(&w)
	x.who.Store(x.server().learned.share(w))
}

// peer is the session's peer, as it was found out.
func (x *session) peer() flow.Peer {
	w := x.who.Load()
	return flow.Peer{
		Addr: plain(x.client.Remote()), Front: plain(x.client.Local()), Path: x.front.endpoint.Path,
		Zone: w.zone, Interface: w.via, Proof: w.proof, Conveyed: w.conveyed,
	}
}

// plain is an address as records have it: IPv4 is not mapped, and a zone has a field of its own.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
