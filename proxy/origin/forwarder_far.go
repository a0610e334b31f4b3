package origin

import (
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// held are the TCP sockets that matter for where a process's far end is.
type held struct {
	// connected are the process's own connections.
	connected []sockdiag.Socket
	// listeners are everybody's, by port. A connection whose own end is at one of them was accepted: the kernel does not
	// say which side began.
	listeners map[uint16][]sockdiag.Socket
	// own are the inodes of the process's sockets.
	own map[uint32]bool
	// datagrams says that it has UDP sockets, too, by which clients come as well (HTTP/3): its TCP connections are then
	// not all that it carries.
	datagrams bool
}

// ends are the far ends that come into question; none when they cannot be told.
func (h *held) ends(far string, zone func(netip.Addr) flow.Zone) []netip.AddrPort {
	switch far {
	case FarSession:
		// What came in at a listener of its own is what ssh -R forwards, the other way.
		return h.remotes(func(s *sockdiag.Socket) bool {
			at := h.acceptedAt(s)
			return at != nil && !h.own[at.Inode]
		})
	case FarAccepted:
		if h.datagrams {
			return nil
		}
		return h.remotes(func(s *sockdiag.Socket) bool { return h.acceptedAt(s) != nil })
	case FarDialled:
		dialled := h.remotes(func(s *sockdiag.Socket) bool { return h.acceptedAt(s) == nil })
		return elsewhere(dialled, zone)
	default:
		return nil
	}
}

// elsewhere are the ends that are not on this host, as the door is that they were found by. Where all are on this host,
// so is the one that is looked for, if there is another than the door.
func elsewhere(ends []netip.AddrPort, zone func(netip.Addr) flow.Zone) []netip.AddrPort {
	var far []netip.AddrPort
	for _, end := range ends {
		switch z := zone(end.Addr()); {
		case z == flow.ZoneUnknown:
			return nil // it may be the door
		case !z.Local():
			far = append(far, end)
		}
	}
	if len(far) == 0 && len(ends) > 1 {
		return ends
	}
	return far
}

// remotes are the other ends of the connections that want takes.
func (h *held) remotes(want func(*sockdiag.Socket) bool) []netip.AddrPort {
	var ends []netip.AddrPort
	for i := range h.connected {
		if s := &h.connected[i]; want(s) {
			ends = append(ends, s.Remote)
		}
	}
	return ends
}

// acceptedAt is the listener that a connection came in by; nil when there is none.
func (h *held) acceptedAt(s *sockdiag.Socket) *sockdiag.Socket {
	return listenerAt(h.listeners[s.Local.Port()], s.Local.Addr())
}
