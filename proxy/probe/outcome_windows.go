package probe

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// outcomeOf is what an error of connect or bind means.
func outcomeOf(err error) Outcome {
	switch {
	case errors.Is(err, windows.WSAECONNREFUSED):
		return Refused
	case errors.Is(err, windows.WSAECONNRESET), errors.Is(err, windows.WSAECONNABORTED):
		return Reset
	case errors.Is(err, windows.WSAEHOSTUNREACH), errors.Is(err, windows.WSAENETUNREACH):
		return Unreachable
	case errors.Is(err, windows.WSAEACCES):
		return NotPermitted
	case errors.Is(err, windows.WSAEADDRNOTAVAIL), errors.Is(err, windows.WSAEAFNOSUPPORT):
		return NoAddress
	case errors.Is(err, windows.WSAEADDRINUSE):
		return InUse
	case errors.Is(err, fs.ErrNotExist):
		return Missing
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, windows.WSAETIMEDOUT):
		return TimedOut
	default:
		return Failed
	}
}
