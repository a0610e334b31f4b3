package origin

import (
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Connection is one TCP socket: an end of a connection, or a listener. Of a connection within this host each end is one.
type Connection struct {
	// Local and Remote are the socket's own address and its peer's, unmapped and without zones. Remote is unspecified for
	// a listener.
	Local, Remote netip.AddrPort
	// State is as ss(8) writes it: "ESTAB", "CLOSE-WAIT", "LISTEN".
	State string
	// Listening says that it waits for connections.
	Listening bool
	// Origin is who holds it: AttributionNone when its process has left it, AttributionUIDOnly when the process was not
	// found or may not be looked at.
	Origin flow.Origin
}

// plainConnection is what a socket says itself.
func plainConnection(s *sockdiag.Socket, users *Users) Connection {
	c := Connection{Local: s.Local, Remote: s.Remote, State: s.State.String(), Listening: s.State == sockdiag.Listen}
	if uid, known := s.Owner(); known {
		c.Origin = flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uid, User: users.Name(uid)}
	}
	return c
}
