package procfs

import (
	"bytes"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// cgroupsMax is how many bytes of /proc/PID/cgroup are read: a dozen hierarchies with the longest paths.
const cgroupsMax = 64 << 10

// place is where a process runs: its control group, and the container and the unit that the group belongs to. Who may
// make groups may call them anything.
func (d *Dir) place() (cgroup string, container flow.Container, unit string) {
	b, err := d.d.read("cgroup", cgroupsMax)
	if err != nil {
		return "", flow.Container{}, ""
	}
	cgroup, all := cgroupsOf(b)
	for _, path := range all {
		if container = containerOf(path); container.ID != "" {
			break
		}
	}
	if container.ID == "" && d.apart() {
		mounts, _ := d.d.read("mountinfo", mountsMax)
		container = mountedContainer(mounts)
	}
	return cgroup, container, unitOf(cgroup)
}

// cgroupsOf are the control groups of a process: the one in the v2 hierarchy, or in systemd's where v2 is only there
// beside v1 and has no groups (cgroups(7)); and all, that one first.
func cgroupsOf(b []byte) (cgroup string, all []string) {
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
	cgroup = unified
	if systemd != "" && (unified == "" || unified == "/") {
		cgroup = systemd
	}
	return cgroup, append([]string{cgroup, unified, systemd}, others...)
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
