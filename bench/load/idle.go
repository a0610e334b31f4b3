//go:build linux

package load

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"
)

// Idle are open connections on which nothing moves any more.
type Idle struct{ fds []int }

// perSource is how many connections one source address makes; its ports are not used up.
const perSource = 2000

// Open adds n connections to an echo service behind a port. Each has sent one message and read the answer, so that it
// is open on both sides of a relay. Close ends them, also after an error.
func (i *Idle) Open(ctx context.Context, port, n int) error {
	var answer [len(message)]byte
	for range n {
		if ctx.Err() != nil {
			return fmt.Errorf("%d idle sessions: %w", len(i.fds), ctx.Err())
		}
		fd, err := connectPatient(byte(2+len(i.fds)/perSource), port)
		if err != nil {
			return fmt.Errorf("idle session %d: %w", len(i.fds)+1, err)
		}
		i.fds = append(i.fds, fd)
		if err := exchange(fd, []byte(message), answer[:]); err != nil {
			return fmt.Errorf("idle session %d: %w", len(i.fds), err)
		}
	}
	return nil
}

// Len is how many connections are open.
func (i *Idle) Len() int { return len(i.fds) }

// Close ends the connections.
func (i *Idle) Close() {
	for _, fd := range i.fds {
		_ = unix.Close(fd)
	}
	i.fds = nil
}
