package lane

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isReset says whether err means that the other end tore the connection down, or that it is closed already.
func isReset(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) ||
		errors.Is(err, windows.WSAESHUTDOWN) || errors.Is(err, windows.WSAENOTCONN)
}

// isUserTimeout says whether err means that the other end stopped to acknowledge.
func isUserTimeout(err error) bool { return errors.Is(err, windows.WSAETIMEDOUT) }

// isBrokenPipe says whether the connection was reset after its FIN had come.
func isBrokenPipe(error) bool { return false }
