//go:build !windows

package proxy

import "syscall"

// The errors of sockets that lodoor tells apart.
const (
	errRefused      = syscall.ECONNREFUSED
	errInUse        = syscall.EADDRINUSE
	errNoAddress    = syscall.EADDRNOTAVAIL
	errNoFamily     = syscall.EAFNOSUPPORT
	errUnreachable  = syscall.ENETUNREACH
	errConnTimedOut = syscall.ETIMEDOUT
)
