package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// system is what an Identifier needs of Linux.
type system struct {
	sockets *sockdiag.Conn // nil when the kernel has no sock_diag
	hidden  int64          // the uid that stands for those that this user namespace does not map; -1 is none
	pidfd   func(int) int  // of who connected a Unix socket
}

// open connects to the kernel and tells what it does not allow.
func (sys *system) open() (missing []string) {
	sys.pidfd = peerPIDFD
	conn, err := sockdiag.Open()
	if err != nil {
		missing = append(missing, fmt.Sprintf("the kernel does not tell about sockets (%v): users are unknown, and local "+
			"clients with a non-loopback address are refused; load the kernel module tcp_diag, or let sandboxes allow "+
			"NETLINK_SOCK_DIAG", err))
	} else {
		sys.sockets = conn
	}
	if sys.hidden = hiddenUID(); sys.hidden >= 0 {
		missing = append(missing, "this process is in a user namespace that does not map all users: those others are "+
			"unknown; run lodoor outside of it")
	}
	return missing
}

// Close ends the connection to the kernel. Identify must not be called any more.
func (id *Identifier) Close() error {
	if id.sockets == nil {
		return nil
	}
	return id.sockets.Close()
}

// Prepare sets on a listening socket, before it listens, what accepted ones inherit for Identify: that the kernel tells
// the interface through which packets came. fd is the socket; network is tcp4, tcp6 or unix.
func (id *Identifier) Prepare(fd uintptr, network string) error {
	if network != "tcp4" {
		return nil // ingress6 sets and clears the option itself
	}
	return os.NewSyscallError("setsockopt IP_PKTINFO", unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
}

// proofOf says how the peer is shown to be on this host. Its zone is not looked at: on Linux an address is no proof.
func proofOf(_ flow.Zone, e evidence, ingress *Interface) flow.Proof {
	switch {
	case ingress != nil && ingress.Kind == Loopback:
		return flow.ProofIngress
	case e.found:
		return flow.ProofSocket
	default:
		return flow.ProofNone
	}
}

// examine asks the kernel about an accepted TCP socket and its peer.
func (id *Identifier) examine(s *lane.Socket) (e evidence) {
	_ = s.Control(func(fd uintptr) { // fails on a closed socket only
		e.ingress = ingressOf(int(fd), s.Local().Addr().Is6())
		client, ok := id.find(s, e.ingress)
		// A client that has reset the connection has freed its address for somebody else, whom the look-up may have
		// found. While our end is alive the address is still the client's.
		if !ok || !isAlive(int(fd)) {
			return
		}
		e.found = true
		e.inode = uint64(client.Inode)
		e.uid, e.uidKnown = client.Owner()
		e.uidKnown = e.uidKnown && int64(e.uid) != id.hidden
	})
	return e
}

// find looks the client's own socket up. In TIME-WAIT it is that of an earlier connection; the other end of one that
// was just accepted is established, or has sent its FIN.
func (id *Identifier) find(s *lane.Socket, ingress int) (client sockdiag.Socket, ok bool) {
	if id.sockets == nil {
		return client, false
	}
	client, err := id.sockets.Lookup(s.Remote(), s.Local(), scopeOf(s.Remote().Addr(), ingress))
	if err != nil {
		return client, false
	}
	switch client.State {
	case sockdiag.Established, sockdiag.FinWait1, sockdiag.FinWait2:
		return client, true
	default:
		return client, false
	}
}

// scopeOf is the interface that the client's socket may be bound to: for a link-local address the one of its zone, for
// others the one that its packets came in through.
func scopeOf(a netip.Addr, ingress int) uint32 {
	if n, err := strconv.ParseUint(a.Zone(), 10, 32); err == nil {
		return uint32(n)
	}
	return uint32(ingress)
}

// ingressOf is the index of the interface through which the packet came that completed the handshake; 0 when unknown.
func ingressOf(fd int, v6 bool) int {
	if v6 {
		return ingress6(fd)
	}
	return ingress(fd, unix.IPPROTO_IP, unix.IP_PKTOPTIONS)
}

// ingress6 is ingressOf for IPv6 sockets, also those whose peer speaks IPv4. The kernel notes the interface whether or
// not the option is set, but while it is set it also keeps a copy of every packet: so it is set for a moment only.
func ingress6(fd int) int {
	if unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1) != nil {
		return 0
	}
	index := ingress(fd, unix.IPPROTO_IPV6, unix.IPV6_2292PKTOPTIONS)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 0) // what could be set can be cleared
	return index
}

func ingress(fd, level, option int) int {
	var buf [256]byte
	return packetInfo(buf[:getsockopt(fd, level, option, buf[:])])
}

// packetInfo finds struct in_pktinfo or in6_pktinfo among control messages and returns its interface index.
func packetInfo(b []byte) int {
	for len(b) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(b)
		switch {
		case err != nil:
			return 0
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			return int(binary.NativeEndian.Uint32(data))
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			return int(binary.NativeEndian.Uint32(data[16:]))
		}
		b = rest
	}
	return 0
}

// isAlive says whether our end of a connection is still established, or its peer has only closed in order.
func isAlive(fd int) bool {
	const established, closeWait = 1, 8 // include/net/tcp_states.h
	var state [1]byte                   // tcpi_state is the first byte of struct tcp_info
	n := getsockopt(fd, unix.IPPROTO_TCP, unix.TCP_INFO, state[:])
	return n == 1 && (state[0] == established || state[0] == closeWait)
}

// getsockopt returns how many bytes of b the kernel filled, 0 on failure. Package unix has no form of it for options
// of any length. It never waits, so Go's scheduler is not told.
func getsockopt(fd, level, name int, b []byte) int {
	n := uint32(len(b))
	//nolint:gosec // G103: the two pointers are used during the call only
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return 0
	}
	return min(int(n), len(b))
}

// hiddenUID is what the kernel says for users that this process's user namespace does not map; -1 when it maps all
// (user_namespaces(7)).
func hiddenUID() int64 {
	const all = "0 0 4294967295"
	m, err := os.ReadFile("/proc/self/uid_map")
	if err != nil || strings.Join(strings.Fields(string(m)), " ") == all {
		return -1
	}
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if uid, e := strconv.ParseUint(strings.TrimSpace(string(overflow)), 10, 32); err == nil && e == nil {
		return int64(uid)
	}
	return 65534
}
