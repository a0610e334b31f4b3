//go:build !windows

package proxy

import (
	"math"
	"syscall"
)

// reserved descriptors are for everything but sessions: listeners, journal, poller, recordings, webhook.
const reserved = 64

// capacity is how many sessions may be open at once: each needs two descriptors, and one that was accepted without a
// second one to be had could only be refused. Others wait in the listener's queue meanwhile.
func capacity() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt
	}
	return max(1, (int(limit.Cur)-reserved)/2)
}
