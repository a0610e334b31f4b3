//go:build linux

package machine

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Descriptors counts the descriptors of a process whose links contain kind; 0 when they cannot be read.
func Descriptors(pid int, kind string) int {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && strings.Contains(to, kind) {
			n++
		}
	}
	return n
}
