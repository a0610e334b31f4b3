//go:build linux

// Package machine starts programs and asks the kernel what they and the machine as a whole used.
package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// userHZ is the unit of /proc/stat, hundredths of a second: 100 on every architecture that Go runs on (time(7)).
const userHZ = 100

// Busy is the time that all processors together have spent on anything at all since the start, softirq included: a
// relay's work can hide there. It counts in hundredths of a second.
func Busy() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return busy(string(b))
}

// busy reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal, and two that are
// part of user and nice (proc_stat(5)). Idle, iowait and what the hypervisor took are not busy.
func busy(stat string) (time.Duration, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, fmt.Errorf("read /proc/stat: unknown line %q", line)
	}
	var ticks int64
	for _, i := range []int{1, 2, 3, 6, 7} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read /proc/stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHZ, nil
}
