package proxy

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawAddr is room for what the kernel says of a TCP socket's address. Package unix would ask for the protocol, too, a
// system call more, and allocate.
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

func networkOrder(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:]) //nolint:gosec // G103: the same two bytes
}
