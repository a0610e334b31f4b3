package parse

import (
	"strconv"
	"strings"
)

// PerfTrace reads the summary of perf trace -s: how often each system call was made, by all threads together.
func PerfTrace(summary string) map[string]int {
	calls := make(map[string]int)
	for line := range strings.Lines(summary) {
		// Name, calls, errors, total, min, avg, max, stddev. Heads of tables and of threads have no number in second place.
		fields := strings.Fields(line)
		if len(fields) != 8 || !strings.HasSuffix(fields[7], "%") {
			continue
		}
		if n, err := strconv.Atoi(fields[1]); err == nil {
			calls[fields[0]] += n
		}
	}
	return calls
}
