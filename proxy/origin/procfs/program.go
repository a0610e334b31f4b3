package procfs

import (
	"path"
	"strings"
)

// programOf is what a person calls a process.
func programOf(exe, comm string, _ []string) string {
	if exe == "" {
		return comm
	}
	if base := path.Base(strings.TrimSuffix(exe, " (deleted)")); comm == "" || strings.HasPrefix(base, comm) {
		return base
	}
	return comm
}
