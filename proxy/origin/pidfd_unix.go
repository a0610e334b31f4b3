//go:build unix

package origin

import "golang.org/x/sys/unix"

// closePIDFD closes a lead's descriptor; 0 is none.
func closePIDFD(fd int) {
	if fd != 0 {
		_ = unix.Close(fd)
	}
}
