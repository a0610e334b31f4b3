package export

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// unacknowledged is how many bytes the other end has not acknowledged (tcp(7), SIOCOUTQ).
func unacknowledged(conn *net.TCPConn) (n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	if failed != nil {
		return 0, failed
	}
	return n, os.NewSyscallError("ioctl SIOCOUTQ", err)
}
