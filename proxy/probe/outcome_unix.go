//go:build unix

package probe

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// outcomeOf is what an error of connect(2) or bind(2) means.
func outcomeOf(err error) Outcome {
	is := func(numbers ...syscall.Errno) bool {
		for _, n := range numbers {
			if errors.Is(err, n) {
				return true
			}
		}
		return false
	}
	switch {
	case is(syscall.ECONNREFUSED):
		return Refused
	case is(syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE):
		return Reset
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN):
		return Unreachable
	case is(syscall.EPERM, syscall.EACCES):
		return NotPermitted
	case is(syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT):
		return NoAddress
	case is(syscall.EADDRINUSE):
		return InUse
	case is(syscall.EAGAIN): // unix(7): the queue of a listener that may not be waited for
		return Full
	case is(syscall.EPROTOTYPE):
		return WrongKind
	case errors.Is(err, fs.ErrNotExist), is(syscall.ENOTDIR):
		return Missing
	case errors.Is(err, os.ErrDeadlineExceeded), is(syscall.ETIMEDOUT):
		return TimedOut
	default:
		return Failed
	}
}
