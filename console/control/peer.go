//go:build linux || darwin

package control

import "net"

// userOf is who is at the other end of a connection.
func userOf(c *net.UnixConn) (uid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	if cerr := raw.Control(func(fd uintptr) { uid, err = userAt(int(fd)) }); cerr != nil {
		return 0, cerr
	}
	return uid, err
}
