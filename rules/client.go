package rules

import (
	"net/netip"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// clientAddr is the address of the client: of the one that the peer speaks for, otherwise of the peer itself.
func clientAddr(p *flow.Peer) netip.AddrPort {
	if p.Conveyed != nil {
		return p.Conveyed.Client
	}
	return p.Addr
}

// clientZone is the zone of that address. What a peer elsewhere calls loopback is not this host's.
func clientZone(p *flow.Peer) flow.Zone {
	switch c := p.Conveyed; {
	case c == nil:
		return p.Zone
	case c.Zone.Local() && !p.Local():
		return flow.ZoneUnknown
	default:
		return c.Zone
	}
}

// speaksForAnother says whether the peer conveys a client that is not on this host. Only rules that name the client
// let in such a one: who opens a door to a proxy on this host does not mean everybody behind it.
func speaksForAnother(p *flow.Peer) bool { return p.Conveyed != nil && !clientZone(p).Local() }

func (r *rule) inClientZone(f *flow.Facts) bool {
	return r.clientZones&zoneBit(clientZone(&f.Peer)) != 0
}

func (r *rule) inClientRange(f *flow.Facts) bool {
	if len(r.ClientCIDRs) == 0 {
		return true
	}
	addr := plain(clientAddr(&f.Peer).Addr())
	return slices.ContainsFunc(r.ClientCIDRs, func(c CIDR) bool { return c.Contains(addr) })
}

func (r *rule) byClient(f *flow.Facts) answer {
	return sure(!r.namesClient() || r.inClientZone(f) && r.inClientRange(f))
}

// namesClient says whether the rule says where its clients are.
func (r *rule) namesClient() bool { return len(r.ClientZones) > 0 || len(r.ClientCIDRs) > 0 }

// forClients says whether the rule is also for clients elsewhere that a peer speaks for.
func (r *rule) forClients() bool { return r.deny || r.namesClient() || r.when.uses(usesClient) }

// opens says whether the rule, which is a denial that is only told, says itself where the peer, or the client that it
// speaks for, is.
func (r *rule) opens(f *flow.Facts) bool {
	return r.namesClient() || r.namesPlace() && !speaksForAnother(&f.Peer)
}
