//go:build unix

package journal

import (
	"errors"

	"golang.org/x/sys/unix"
)

// diskSpace is how many bytes a user may still write to dir's file system, and how many it has in all.
func diskSpace(dir string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize)
	return uint64(s.Bavail) * block, s.Blocks * block, nil
}

// isFull says that an error is of a file system, or of a user's share of it, that has no space left.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
