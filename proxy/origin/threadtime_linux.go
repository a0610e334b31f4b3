package origin

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time that the calling thread has had (clock_gettime(2)). On a busy machine it is much less
// than what has passed.
func threadTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) // 0 on a kernel without it
	return time.Duration(ts.Nano())
}
