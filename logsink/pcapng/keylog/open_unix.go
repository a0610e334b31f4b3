//go:build unix

package keylog

import "syscall"

// A pipe that nobody writes to would make open wait; with this it is opened at once, and refused.
const openFlags = syscall.O_NONBLOCK
