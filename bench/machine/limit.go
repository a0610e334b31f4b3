//go:build linux

package machine

import (
	"fmt"
	"syscall"
)

// RaiseFiles raises the number of files that this process and those that it starts may open to the hard limit, and
// returns it. The Go runtime does so for itself alone and gives children back what it was started with.
func RaiseFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
	}
	return limit.Max, nil
}
