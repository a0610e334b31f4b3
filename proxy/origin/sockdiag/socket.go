// Package sockdiag asks the Linux kernel about TCP sockets of this network namespace (sock_diag(7)).
package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrNotFound says that there is no such socket.
var ErrNotFound = errors.New("no such socket")

// State is a socket's TCP state, numbered as in the kernel's include/net/tcp_states.h.
type State uint8

// The states that somebody asks for.
const (
	Established State = 1
	SynSent     State = 2
	SynReceived State = 3
	FinWait1    State = 4
	FinWait2    State = 5
	TimeWait    State = 6
	CloseWait   State = 8
	LastAck     State = 9
	Listen      State = 10
	Closing     State = 11
)

// String writes the state as ss(8) does.
func (s State) String() string {
	names := [...]string{
		"", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE", "CLOSE-WAIT",
		"LAST-ACK", "LISTEN", "CLOSING", "NEW-SYN-RECV",
	}
	if s > 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Socket is what the kernel says about one socket.
type Socket struct {
	// Local and Remote are the socket's own address and its peer's; IPv4-mapped addresses are unmapped. Remote is
	// unspecified for a listener.
	Local, Remote netip.AddrPort
	State         State
	// Inode is the number behind "socket:[N]" in /proc/PID/fd; 0 when no process holds the socket any more.
	Inode uint32
	// Iface is the index of the interface that the socket is bound to; 0 when it is not.
	Iface uint32
	// Cookie names the socket for as long as the system runs (SO_COOKIE).
	Cookie uint64
	// V6Only says that an IPv6 listener takes no IPv4.
	V6Only bool
	// Queued and Backlog are, of a listener, how many connections wait to be accepted, and how many may (tcp(7), listen(2):
	// the queue is full when it has one more). Of other sockets they are unread and unsent bytes.
	Queued, Backlog uint32

	uid uint32
}

// Owner is the user id of the socket. It is not known once no process holds the socket: the kernel then says 0, which
// would blame root.
func (s *Socket) Owner() (uid uint32, known bool) {
	if s.Inode == 0 {
		return 0, false
	}
	return s.uid, true
}
