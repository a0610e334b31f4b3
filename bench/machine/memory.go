//go:build linux

package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PSS is the user memory of the processes in bytes, what they share counted once (proportional set size). A process
// that ends meanwhile is an error.
func PSS(pids []int) (int64, error) {
	var total int64
	for _, pid := range pids {
		path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		b, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		n, err := pss(string(b))
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		total += n
	}
	return total, nil
}

func pss(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("no Pss in %q", rollup)
}
