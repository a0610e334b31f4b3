package proxy

import "golang.org/x/sys/windows"

// The errors of sockets that lodoor tells apart.
const (
	errRefused      = windows.WSAECONNREFUSED
	errInUse        = windows.WSAEADDRINUSE
	errNoAddress    = windows.WSAEADDRNOTAVAIL
	errNoFamily     = windows.WSAEAFNOSUPPORT
	errUnreachable  = windows.WSAENETUNREACH
	errConnTimedOut = windows.WSAETIMEDOUT
)
