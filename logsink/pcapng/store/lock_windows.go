package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// errTaken says that somebody else holds the file.
var errTaken = errors.New("the file is being written")

// lock holds the file until it is closed, or the process dies. The locked byte lies far behind the file's end, since a
// locked one cannot be read.
func lock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errTaken
	}
	return err
}
