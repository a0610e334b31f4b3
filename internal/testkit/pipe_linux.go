package testkit

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Pipe is a pipe whose ends do not block, closed at the end of the test.
func Pipe(t testing.TB) (r, w int) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatalf("make a pipe: %v", err)
	}
	t.Cleanup(func() {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
	})
	return fds[0], fds[1]
}
