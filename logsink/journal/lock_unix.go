//go:build unix

package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const lockFile = "lock"

// lock takes a directory for its only writer, until the file is closed or the process dies. Two locks are needed:
// flock(2) belongs to the open file, so that nothing else in this process can let go of it; fcntl(2) tells others who
// the holder is.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = flockSoon(f)
	if err == nil {
		err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, wholeFile(unix.F_WRLCK))
	}
	if err == nil {
		return f, nil
	}
	defer f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EACCES) {
		return nil, &TakenError{Dir: dir, PID: holder(f)}
	}
	return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
}

// flockSoon waits a moment for those who only ask whether the lock is taken ([Writer]): they hold it while they do.
func flockSoon(f *os.File) (err error) {
	for range 10 {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || holder(f) != 0 {
			return err
		}
		<-time.After(5 * time.Millisecond)
	}
	return err
}

func wholeFile(kind int16) *unix.Flock_t {
	return &unix.Flock_t{Type: kind, Whence: io.SeekStart}
}

// holder is the process that has the fcntl lock; 0 when nobody has, or one that this process cannot see.
func holder(f *os.File) int {
	l := wholeFile(unix.F_WRLCK)
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, l); err != nil || l.Type == unix.F_UNLCK {
		return 0
	}
	return max(int(l.Pid), 0)
}

// Writer says whether a process is writing the journal in dir, and which; pid is 0 when it cannot be told, as of a
// process in another PID namespace.
func Writer(dir string) (pid int, ok bool, err error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	switch {
	case err == nil:
		return 0, false, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return holder(f), true, nil
	default:
		return 0, false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}
