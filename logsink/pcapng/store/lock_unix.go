//go:build unix

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// errTaken says that somebody else holds the file.
var errTaken = errors.New("the file is being written")

// lock holds the file until it is closed, or the process dies. It is flock(2)'s, which belongs to the open file.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return errTaken
	}
	return err
}
