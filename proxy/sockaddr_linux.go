package proxy

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The system calls of a session's set-up, as an event loop makes them: none waits, so Go's scheduler is not told.
// Package unix would also ask for the protocol behind each address, a system call more, and allocate.

// rawAddr is room for the address of a TCP socket.
type rawAddr struct{ unix.RawSockaddrInet6 }

// accept4 is accept4(2) without waiting, on a nonblocking listener; the new socket is nonblocking, too.
func accept4(fd int) (conn int, from netip.AddrPort, err error) {
	var a rawAddr
	size := uint32(unsafe.Sizeof(a))
	//nolint:gosec // G103: the pointers are used during the call only
	n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&a)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	return int(n), a.addrPort(), nil
}

// socket makes a nonblocking TCP socket.
func socket(family int) (int, error) {
	const kind = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family), kind, unix.IPPROTO_TCP)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// connect is connect(2) on a nonblocking socket: usually its error is EINPROGRESS.
func connect(fd int, to netip.AddrPort) error {
	var a rawAddr
	size := a.set(to)
	//nolint:gosec // G103: as above
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a)), size)
	if errno != 0 {
		return errno
	}
	return nil
}

// getsockname is the socket's own address; not valid for Unix sockets.
func getsockname(fd int) (netip.AddrPort, error) {
	var a rawAddr
	size := uint32(unsafe.Sizeof(a))
	//nolint:gosec // G103: as above
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a)),
		uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}, errno
	}
	return a.addrPort(), nil
}

// addrPort turns what the kernel said into an address; not valid for Unix sockets.
func (a *rawAddr) addrPort() netip.AddrPort {
	switch a.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a)) //nolint:gosec // G103: the smaller of the two
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), networkOrder(&v4.Port))
	case unix.AF_INET6:
		addr := netip.AddrFrom16(a.Addr)
		if a.Scope_id != 0 {
			addr = addr.WithZone(strconv.FormatUint(uint64(a.Scope_id), 10))
		}
		return netip.AddrPortFrom(addr, networkOrder(&a.Port))
	default:
		return netip.AddrPort{}
	}
}

// set fills in an address and says how long it is.
func (a *rawAddr) set(to netip.AddrPort) (size uintptr) {
	if to.Addr().Is4() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(a)) //nolint:gosec // G103: the smaller of the two
		v4.Family, v4.Addr = unix.AF_INET, to.Addr().As4()
		setNetworkOrder(&v4.Port, to.Port())
		return unsafe.Sizeof(*v4)
	}
	a.Family, a.Addr, a.Scope_id = unix.AF_INET6, to.Addr().As16(), zoneID(to.Addr().Zone())
	setNetworkOrder(&a.Port, to.Port())
	return unsafe.Sizeof(*a)
}

func networkOrder(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:]) //nolint:gosec // G103: the same two bytes
}

func setNetworkOrder(port *uint16, n uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(port))[:], n) //nolint:gosec // G103: the same two bytes
}
