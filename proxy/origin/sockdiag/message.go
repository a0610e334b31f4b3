package sockdiag

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// Layouts and numbers are those of Linux's include/uapi/linux/netlink.h, sock_diag.h and inet_diag.h. They are written
// out here, instead of taken from a package for Linux, so that encoding and decoding are tested on every system.
const (
	headerLen  = 16 // struct nlmsghdr
	requestLen = 56 // struct inet_diag_req_v2
	socketLen  = 72 // struct inet_diag_msg
	idOffset   = 8  // of struct inet_diag_sockid in the request
	idInSocket = 4  // of struct inet_diag_sockid in the answer

	typeError = 2  // NLMSG_ERROR
	typeDone  = 3  // NLMSG_DONE
	typeDiag  = 20 // SOCK_DIAG_BY_FAMILY

	flagRequest = 0x001 // NLM_F_REQUEST
	flagDump    = 0x300 // NLM_F_DUMP

	familyInet  = 2  // AF_INET
	familyInet6 = 10 // AF_INET6
	protocolTCP = 6  // IPPROTO_TCP

	attributeV6Only = 11 // INET_DIAG_SKV6ONLY
)

var errMalformed = errors.New("malformed answer")

// request asks for one socket, or with dump for all that are in states and, unless they are 0, on the local and on the
// remote port.
type request struct {
	family        uint8
	states        uint32
	local, remote netip.AddrPort
	iface         uint32
	dump          bool
}

// matches says whether a socket is one of those that a dump asks for. The kernel sees to it, too; of a request for states
// it may also tell sockets in others (TIME-WAIT, and requests to listeners).
func (r *request) matches(s *Socket) bool {
	return r.states&(1<<s.State) != 0 &&
		(r.local.Port() == 0 || s.Local.Port() == r.local.Port()) &&
		(r.remote.Port() == 0 || s.Remote.Port() == r.remote.Port())
}

// append adds the whole netlink message to b.
func (r *request) append(b []byte, seq uint32) []byte {
	start := len(b)
	b = append(b, make([]byte, headerLen+requestLen)...)
	m := b[start:]
	flags := uint16(flagRequest)
	if r.dump {
		flags |= flagDump
	}
	m = putHeader(m, flags, seq)
	m[0], m[1] = r.family, protocolTCP
	binary.NativeEndian.PutUint32(m[4:], r.states)
	id := m[idOffset:]
	binary.BigEndian.PutUint16(id[0:], r.local.Port())
	binary.BigEndian.PutUint16(id[2:], r.remote.Port())
	putAddr(id[4:20], r.local.Addr())
	putAddr(id[20:36], r.remote.Addr())
	binary.NativeEndian.PutUint32(id[36:], r.iface)
	binary.NativeEndian.PutUint64(id[40:], ^uint64(0)) // INET_DIAG_NOCOOKIE, twice: any cookie
	return b
}

// putHeader writes the header of a message that is m, and returns the rest of it.
func putHeader(m []byte, flags uint16, seq uint32) []byte {
	binary.NativeEndian.PutUint32(m[0:], uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], typeDiag)
	binary.NativeEndian.PutUint16(m[6:], flags)
	binary.NativeEndian.PutUint32(m[8:], seq)
	return m[headerLen:]
}

// putAddr writes an address as the kernel has it: IPv4 in the first 4 bytes, IPv6 in all 16.
func putAddr(b []byte, a netip.Addr) {
	switch {
	case a.Is4():
		v4 := a.As4()
		copy(b, v4[:])
	case a.Is6():
		v6 := a.As16()
		copy(b, v6[:])
	}
}

// message is one netlink message.
type message struct {
	kind uint16
	seq  uint32
	body []byte
}

// nextMessage takes the first netlink message off b.
func nextMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < headerLen {
		return m, nil, fmt.Errorf("%w: %d bytes are no netlink header", errMalformed, len(b))
	}
	length := binary.NativeEndian.Uint32(b)
	if length < headerLen || uint64(length) > uint64(len(b)) {
		return m, nil, fmt.Errorf("%w: length %d in %d bytes", errMalformed, length, len(b))
	}
	m.kind = binary.NativeEndian.Uint16(b[4:])
	m.seq = binary.NativeEndian.Uint32(b[8:])
	m.body = b[headerLen:length]
	return m, b[min(align4(int(length)), len(b)):], nil
}

// socket is the socket that the message tells about, or the error that the kernel sent instead.
func (m *message) socket() (Socket, error) {
	b, err := m.answer()
	if err != nil {
		return Socket{}, err
	}
	return decodeSocket(b)
}

// answer is what the message tells about a socket, or the error that the kernel sent instead.
func (m *message) answer() ([]byte, error) {
	switch m.kind {
	case typeDiag:
		return m.body, nil
	case typeError:
		if err := m.failure(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%w: message type %d where a socket was expected", errMalformed, m.kind)
}

// failure is the error in a message of typeError or typeDone; nil when it says success.
func (m *message) failure() error {
	if len(m.body) < 4 {
		return fmt.Errorf("%w: a result of %d bytes", errMalformed, len(m.body))
	}
	switch n := int32(binary.NativeEndian.Uint32(m.body)); {
	case n == 0:
		return nil
	case n > 0 || n < -4095:
		return fmt.Errorf("%w: error number %d", errMalformed, n)
	default:
		return syscall.Errno(-n)
	}
}

// decodeSocket reads struct inet_diag_msg and the attributes behind it.
func decodeSocket(b []byte) (Socket, error) {
	if len(b) < socketLen {
		return Socket{}, fmt.Errorf("%w: a socket of %d bytes", errMalformed, len(b))
	}
	id := b[idInSocket:]
	local, errLocal := addr(b[0], id[4:20])
	remote, errRemote := addr(b[0], id[20:36])
	if err := errors.Join(errLocal, errRemote); err != nil {
		return Socket{}, err
	}
	return Socket{
		Local:   netip.AddrPortFrom(local, binary.BigEndian.Uint16(id[0:])),
		Remote:  netip.AddrPortFrom(remote, binary.BigEndian.Uint16(id[2:])),
		State:   State(b[1]),
		Iface:   binary.NativeEndian.Uint32(id[36:]),
		Cookie:  uint64(binary.NativeEndian.Uint32(id[40:])) | uint64(binary.NativeEndian.Uint32(id[44:]))<<32,
		V6Only:  b[0] == familyInet6 && v6Only(b[socketLen:]),
		Queued:  binary.NativeEndian.Uint32(b[56:]),
		Backlog: binary.NativeEndian.Uint32(b[60:]),
		uid:     binary.NativeEndian.Uint32(b[64:]),
		Inode:   binary.NativeEndian.Uint32(b[68:]),
	}, nil
}

func addr(family uint8, b []byte) (netip.Addr, error) {
	switch family {
	case familyInet:
		return netip.AddrFrom4([4]byte(b)), nil
	case familyInet6:
		return netip.AddrFrom16([16]byte(b)).Unmap(), nil
	default:
		return netip.Addr{}, fmt.Errorf("%w: address family %d", errMalformed, family)
	}
}

// v6Only looks for INET_DIAG_SKV6ONLY, which the kernel adds to listeners.
func v6Only(attributes []byte) bool {
	value := attribute(attributes, attributeV6Only)
	return len(value) > 0 && value[0] != 0
}

// attribute is the value of the first attribute of a kind (struct nlattr); nil when there is none.
func attribute(b []byte, kind uint16) []byte {
	const attributeLen = 4
	for len(b) >= attributeLen {
		length := int(binary.NativeEndian.Uint16(b))
		if length < attributeLen || length > len(b) {
			return nil
		}
		if binary.NativeEndian.Uint16(b[2:]) == kind {
			return b[attributeLen:length]
		}
		b = b[min(align4(length), len(b)):]
	}
	return nil
}

func align4(n int) int { return (n + 3) &^ 3 }
