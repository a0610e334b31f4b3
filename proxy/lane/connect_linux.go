//go:build !portable

package lane

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// FinishConnect waits until a nonblocking connect(2) that was begun on the socket is over, and returns its error, or
// os.ErrDeadlineExceeded. A zero deadline is none. Control must not be called meanwhile.
func (s *Socket) FinishConnect(deadline time.Time) error {
	raw, err := s.waiter()
	if err != nil {
		return err
	}
	if err := s.file.SetWriteDeadline(deadline); err != nil {
		return fmt.Errorf("set deadline of connect: %w", err)
	}
	var result error
	wait := raw.Write(func(fd uintptr) bool {
		var over bool
		over, result = connectOver(int(fd))
		return over
	})
	if err := errors.Join(wait, result); err != nil {
		return err
	}
	return s.file.SetWriteDeadline(time.Time{})
}

// connectOver asks for connect's result: SO_ERROR holds its error, and a socket that has a peer is connected.
func connectOver(fd int) (over bool, err error) {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	switch {
	case err != nil:
		return true, err
	case n != 0:
		return true, unix.Errno(n)
	}
	_, err = unix.Getpeername(fd)
	if errors.Is(err, unix.ENOTCONN) {
		return false, nil
	}
	return true, nil
}
