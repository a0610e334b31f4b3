package procfs

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// cgroupsMax is how many bytes of /proc/PID/cgroup are read: a dozen hierarchies with long paths.
const cgroupsMax = 64 << 10

// place is where a process runs: its control group, and the container and the unit that the group belongs to.
func (d *Dir) place(groups []byte) (cgroup string, container flow.Container, unit string) {
	paths := cgroupPaths(groups)
	if len(paths) == 0 {
		return "", flow.Container{}, ""
	}
	return paths[0], flow.Container{}, unitOf(paths[0])
}

// cgroupPaths are the control groups of a process, the v2 hierarchy's first, then systemd's, then the others'. Where v2
// is only there beside v1, and has no groups, systemd's is the first (cgroups(7)).
func cgroupPaths(b []byte) []string {
	var unified, systemd string
	var others []string
	for line := range bytes.Lines(b) {
		words := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(words) < 3 {
			continue
		}
		path := strings.TrimSuffix(words[2], " (deleted)")
		switch {
		case words[0] == "0" && words[1] == "":
			unified = path
		case words[1] == "name=systemd":
			systemd = path
		default:
			others = append(others, path)
		}
	}
	if unified == "/" && systemd != "" {
		unified = ""
	}
	return slices.DeleteFunc(append([]string{unified, systemd}, others...), func(s string) bool { return s == "" })
}

// unitOf is the innermost unit of a path: a user's own before the service that runs the user's manager.
func unitOf(path string) string {
	unit := ""
	for name := range strings.SplitSeq(path, "/") {
		if strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".scope") {
			unit = name
		}
	}
	return unit
}
