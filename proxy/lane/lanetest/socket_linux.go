//go:build !portable

package lanetest

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/lane"
)

// portable says whether the sockets are of the portable form, which promises less.
const portable = false

// socket takes the connection over.
func socket(t testing.TB, c net.Conn) *lane.Socket {
	t.Helper()
	fd := -1
	control(t, c, func(old int) {
		var err error
		if fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			t.Fatalf("take over a connection: %v", err)
		}
	})
	local, remote := addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())
	if err := c.Close(); err != nil {
		t.Fatalf("close the first descriptor: %v", err)
	}
	return lane.NewSocket(fd, local, remote)
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}
