//go:build unix

package control

import (
	"fmt"
	"os"
	"syscall"
)

// checkOwner refuses a directory in which others could have put a socket of their own. With others it may be any one
// user's: root asks a system's doors, each of which has a user and a directory of its own.
func checkOwner(dir string, others bool) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s %w", dir, closedError("is no directory"))
	case ok && !others && int64(stat.Uid) != int64(os.Geteuid()) && stat.Uid != 0:
		return fmt.Errorf("%s %w", dir, closedError(fmt.Sprintf("belongs to user %d", stat.Uid)))
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s can be written by others (mode %04o)", dir, info.Mode().Perm())
	}
	return nil
}
