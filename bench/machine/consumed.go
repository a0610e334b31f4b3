//go:build linux

package machine

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Consumed is the processor time that the processes have used since they began, all threads, also those that have
// ended; what softirq did for them only where it interrupted them. A process that has ended is an error.
func Consumed(pids []int) (time.Duration, error) {
	var total time.Duration
	for _, pid := range pids {
		var used unix.Timespec
		if err := unix.ClockGettime(processClock(pid), &used); err != nil {
			return 0, fmt.Errorf("read the processor time of process %d: %w", pid, err)
		}
		total += time.Duration(used.Nano())
	}
	return total, nil
}

// processClock is the clock of a process's processor time, in nanoseconds: what clock_getcpuclockid(3) gives. Linux
// keeps the complement of the process in the upper bits, and 2 for the scheduler's own count (CPUCLOCK_SCHED in
// include/linux/posix-timers_types.h); a process has at most 22 bits. /proc/PID/stat has the same in hundredths of a second.
func processClock(pid int) int32 {
	const sched = 2
	return int32(^pid)<<3 | sched
}
