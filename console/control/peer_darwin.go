package control

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// userAt is who is at the other end (LOCAL_PEERCRED, unix(4)).
func userAt(fd int) (int, error) {
	cred, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return 0, fmt.Errorf("getsockopt LOCAL_PEERCRED: %w", err)
	}
	return int(cred.Uid), nil
}
