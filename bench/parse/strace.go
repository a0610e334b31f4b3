package parse

import (
	"fmt"
	"strconv"
	"strings"
)

// Strace reads the table of strace -c: how often each system call was made. A table without rows is no error: whoever
// was watched made no call.
func Strace(table string) (map[string]int, error) {
	calls := make(map[string]int)
	for line := range strings.Lines(table) {
		// % time, seconds, usecs/call, calls, [errors], name. The last row, total, may lack the third.
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[0] == "%" || strings.HasPrefix(fields[0], "--") || fields[len(fields)-1] == "total" {
			continue
		}
		n, err := strconv.Atoi(fields[3])
		if err != nil {
			return nil, fmt.Errorf("read the table of strace: %w", err)
		}
		calls[fields[len(fields)-1]] += n
	}
	return calls, nil
}
