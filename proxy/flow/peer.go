package flow

import (
	"net/netip"
	"slices"
)

// Proof is how a peer was shown to be on this host. An address proves nothing: a packet that came in through
// route_localnet and NAT carries 127.0.0.9 as source.
type Proof uint8

// The proofs.
const (
	ProofNone    Proof = iota // not shown to be local
	ProofIngress              // its packets came in through lo (IP_PKTOPTIONS, IPV6_2292PKTOPTIONS)
	ProofSocket               // its socket, the reversed 4-tuple, is in this network namespace (sock_diag)
	ProofUnix                 // a Unix socket: the kernel has no other
	ProofAddress              // only the address says so: all that this system offers (not Linux)
)

func proofNames() []string { return []string{"none", "ingress", "socket", "unix", "address"} }

func (p Proof) String() string { return enumName(proofNames(), uint8(p)) }

// MarshalText writes the proof's name.
func (p Proof) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a proof's name.
func (p *Proof) UnmarshalText(text []byte) error {
	i, err := parseEnum("proof", proofNames(), text)
	*p = Proof(i)
	return err
}

// Peer is the other end of an accepted socket.
type Peer struct {
	// Addr is the source of the connection, unmapped and without a zone; not valid for Unix sockets.
	Addr netip.AddrPort
	// Front is the local address that the peer reached; not valid for Unix sockets.
	Front netip.AddrPort
	// Path is the front's path for Unix sockets, otherwise empty.
	Path string
	// Zone is what kind of place Addr is.
	Zone Zone
	// Interface is the name of the ingress interface; empty when unknown.
	Interface string
	// Proof is how the peer was shown to be on this host.
	Proof Proof
	// Conveyed is whom the peer speaks for, when it is a trusted proxy that said so; otherwise nil.
	Conveyed *Conveyed
}

// Local says whether the peer was shown to be on this host.
func (p *Peer) Local() bool { return p.Proof != ProofNone }

// Disguised says whether the peer claims a local address and was not shown to be local. Such a peer is never let in.
func (p *Peer) Disguised() bool { return p.Zone.Local() && p.Proof == ProofNone }

// ClientZone is the zone of a client whom the peer speaks for, given the zone that its address has on this host. A proxy
// on this host has its connections by this host's interfaces. What one elsewhere tells of, it has seen from there: the
// bridges, tunnels and links of this host say nothing about it, and its address says only whether it is private. An
// address that would be this host's own, or that of a link, is then unknown.
func (p *Peer) ClientZone(client netip.Addr, here Zone) Zone {
	switch {
	case p.Local():
		return here
	case here.Local(), client.IsLoopback(), client.IsLinkLocalUnicast():
		return ZoneUnknown
	case IsPrivate(client):
		return ZoneLAN
	default:
		return ZonePublic
	}
}

// Attribution is how sure an [Origin] is.
type Attribution uint8

// The attributions. None of them is a guess.
const (
	AttributionNone         Attribution = iota // nothing is known
	AttributionUIDOnly                         // the socket's owner is known, its process is not
	AttributionLiveSocket                      // the process was found holding the socket
	AttributionExactConnect                    // the kernel told the process at connect
)

func attributionNames() []string {
	return []string{"none", "uid_only", "live_socket", "exact_connect"}
}

func (a Attribution) String() string { return enumName(attributionNames(), uint8(a)) }

// MarshalText writes the attribution's name.
func (a Attribution) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads an attribution's name.
func (a *Attribution) UnmarshalText(text []byte) error {
	i, err := parseEnum("attribution", attributionNames(), text)
	*a = Attribution(i)
	return err
}

// Origin is who is behind a peer. The zero Origin is "nothing is known".
type Origin struct {
	Attribution Attribution
	// UID is the socket's owner; it means something only when Attribution is not AttributionNone, since the kernel
	// says uid 0 of a socket that its process has already left.
	UID uint32
	// User is the name of UID; empty when it has none.
	User string
	// PID is the peer's process, 0 when unknown.
	PID int
	// Program is what a person calls that process; empty when unknown.
	Program string
	// Process is what else was found out about it; nil when nothing was, or nothing yet. With AttributionExactConnect it
	// is the process that connected; with AttributionLiveSocket one that held the socket.
	Process *Process
	// Holders are the processes that held the socket when it was looked for, Process among them if it did, when they are
	// more than one, or others than Process.
	Holders []*Process
	// Forwarder is set when one of them carries somebody else's connection.
	Forwarder *Forwarder
}

// Known says whether anything is.
func (o *Origin) Known() bool { return o.Attribution != AttributionNone }

// Processes are all that may speak on the connection, or may have: those that hold it, and who connected. Empty when none
// is known.
func (o *Origin) Processes() []*Process {
	if o.Process == nil || slices.ContainsFunc(o.Holders, func(h *Process) bool { return h.PID == o.Process.PID }) {
		return o.Holders
	}
	return append([]*Process{o.Process}, o.Holders...)
}
