//go:build linux

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Tree is the processes of roots and of all their descendants that are alive.
func Tree(roots ...int) ([]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	alive := make(map[int]bool)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, parent, err := parentOf(string(b))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		children[parent] = append(children[parent], pid)
		alive[pid] = true
	}
	var tree []int
	for next := slices.Clone(roots); len(next) > 0; {
		pid := next[0]
		next = append(next[1:], children[pid]...)
		if alive[pid] {
			tree = append(tree, pid)
		}
	}
	return tree, nil
}

// parentOf reads /proc/PID/stat: the number, the name in parentheses (which may hold anything), state, parent.
func parentOf(stat string) (pid, parent int, err error) {
	number, _, _ := strings.Cut(stat, " ")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, fmt.Errorf("unknown line %q", stat)
	}
	if pid, err = strconv.Atoi(number); err != nil {
		return 0, 0, err
	}
	parent, err = strconv.Atoi(fields[1])
	return pid, parent, err
}

// CPUTicks is the processor time that the processes have used, in hundredths of a second; it tells whether they rest.
func CPUTicks(pids []int) int64 {
	var ticks int64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		// utime and stime are the 14th and 15th field, the 12th and 13th behind the name.
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		for _, f := range fields[11:13] {
			n, _ := strconv.ParseInt(f, 10, 64) // a number, proc_pid_stat(5)
			ticks += n
		}
	}
	return ticks
}
