//go:build unix

package probe

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// bindFirst has a client's socket take its port before it connects, so that the port is known whatever comes of that.
func bindFirst(port *uint16) func(network, address string, c syscall.RawConn) error {
	return func(network, _ string, c syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		return c.Control(func(fd uintptr) { *port = portFor(int(fd), network) })
	}
}

// portFor is 0 when there is none to be had: the kernel then gives one to who connects, or says what is wrong.
func portFor(fd int, network string) uint16 {
	var free unix.Sockaddr = &unix.SockaddrInet4{}
	if network == "tcp6" {
		free = &unix.SockaddrInet6{}
	}
	if unix.Bind(fd, free) != nil {
		return 0
	}
	switch a, _ := unix.Getsockname(fd); a := a.(type) {
	case *unix.SockaddrInet4:
		return uint16(a.Port)
	case *unix.SockaddrInet6:
		return uint16(a.Port)
	}
	return 0
}
