package alert

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is a clock that runs while the machine is suspended, too (clock_gettime(2), CLOCK_BOOTTIME).
func sinceBoot() (time.Duration, bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
