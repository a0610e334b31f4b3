package control

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// userAt is who is at the other end (SO_PEERCRED, unix(7)).
func userAt(fd int) (int, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("getsockopt SO_PEERCRED: %w", err)
	}
	return int(cred.Uid), nil
}
