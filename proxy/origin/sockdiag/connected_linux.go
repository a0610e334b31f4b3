package sockdiag

import (
	"fmt"
	"net/netip"
)

// connected are the states of sockets that have a peer; one in TIME-WAIT has none any more, and belongs to nobody.
const connected = 1<<Established | 1<<SynSent | 1<<SynReceived | 1<<FinWait1 | 1<<FinWait2 | 1<<CloseWait | 1<<LastAck |
	1<<Closing

// Connected returns the sockets whose own port or whose peer's is port, in the network namespace of the calling thread:
// of a connection within this host both ends. The kernel goes through all of its sockets, four times; it is not asked at
// one moment, so that a socket that changes its state may be missing.
func Connected(port uint16) ([]Socket, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	at := netip.AddrPortFrom(netip.Addr{}, port)
	var all []Socket
	for _, r := range []request{
		{family: familyInet, local: at}, {family: familyInet, remote: at},
		{family: familyInet6, local: at}, {family: familyInet6, remote: at},
	} {
		r.states, r.dump = connected, true
		if all, err = c.dump(all, &r); err != nil {
			return nil, fmt.Errorf("list connections of port %d: %w", port, err)
		}
	}
	return distinct(all), nil
}

// distinct leaves each socket once: one whose two ports are the same was told twice.
func distinct(all []Socket) []Socket {
	seen := make(map[uint64]bool, len(all))
	kept := all[:0]
	for _, s := range all {
		if !seen[s.Cookie] {
			seen[s.Cookie] = true
			kept = append(kept, s)
		}
	}
	return kept
}
