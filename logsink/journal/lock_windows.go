package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/windows"
)

const lockFile = "lock"

// lock takes a directory for its only writer, until the file is closed or the process dies. The locked byte lies far
// behind the text, since a locked one cannot be read: the text is the holder's process number.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = lockByte(f, windows.LOCKFILE_EXCLUSIVE_LOCK)
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
		}
		if err == nil {
			return f, nil
		}
	}
	defer f.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, &TakenError{Dir: dir, PID: holder(f)}
	}
	return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
}

func lockByte(f *os.File, flags uint32) error {
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	return windows.LockFileEx(windows.Handle(f.Fd()), flags|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, far)
}

func holder(f *os.File) int {
	text := make([]byte, 20)
	n, _ := f.ReadAt(text, 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	return pid
}

// Writer says whether a process is writing the journal in dir, and which; pid is 0 when it cannot be told.
func Writer(dir string) (pid int, ok bool, err error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	err = lockByte(f, 0)
	switch {
	case err == nil:
		return 0, false, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return holder(f), true, nil
	default:
		return 0, false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
}
