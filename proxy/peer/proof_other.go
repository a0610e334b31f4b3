//go:build !linux

package peer

import (
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// system is empty: there is nothing to ask.
type system struct{}

func (sys *system) open() (missing []string) {
	return []string{"only Linux can prove that a peer is local: here a loopback address, or one of this host's own, is " +
		"taken for it, and users are unknown; keep fronts on loopback addresses"}
}

// Close does nothing.
func (id *Identifier) Close() error { return nil }

// Prepare does nothing.
func (id *Identifier) Prepare(uintptr, string) error { return nil }

func (id *Identifier) examine(*lane.Socket) evidence { return evidence{} }

// proofOf takes the address for it: all that this system offers.
func proofOf(z flow.Zone, _ evidence, _ *Interface) flow.Proof {
	if z.Local() {
		return flow.ProofAddress
	}
	return flow.ProofNone
}

func (id *Identifier) identifyUnix(*lane.Socket) (flow.Peer, flow.Origin, flow.Lead) {
	return flow.Peer{Zone: flow.ZoneUnix, Proof: flow.ProofUnix}, flow.Origin{}, flow.Lead{}
}
