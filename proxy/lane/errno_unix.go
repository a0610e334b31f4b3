//go:build unix

package lane

import (
	"errors"
	"syscall"
)

// isReset says whether err means that the other end tore the connection down, or that it is closed already.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNABORTED) || errors.Is(err, syscall.ENOTCONN)
}

// isUserTimeout says whether err means that the other end stopped to acknowledge.
func isUserTimeout(err error) bool { return errors.Is(err, syscall.ETIMEDOUT) }

// isBrokenPipe says whether the connection was reset after its FIN had come.
func isBrokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
