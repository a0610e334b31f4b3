package origin

import (
	"io/fs"
	"os"
	"path"
	"strings"
)

// InContainer says whether this process runs in a container, and of which runtime as far as that can be told. Where
// the container's ports are published, who connects to them from another host may come in from 127.0.0.1 or from the
// bridge: there an address, and even the proof that a peer is in this network namespace, says nothing about its origin.
//
// It looks at marks that runtimes leave: files, the cgroup, and two variables of this process's own environment.
func InContainer() (name string, ok bool) { return inContainer(os.DirFS("/"), os.Getenv) }

func inContainer(root fs.FS, getenv func(string) string) (name string, ok bool) {
	if name := getenv("container"); name != "" { // https://systemd.io/CONTAINER_INTERFACE
		return name, true
	}
	if getenv("KUBERNETES_SERVICE_HOST") != "" { // in every pod
		return "kubernetes", true
	}
	for file, name := range map[string]string{".dockerenv": "docker", "run/.containerenv": "podman"} {
		if _, err := fs.Stat(root, file); err == nil {
			return name, true
		}
	}
	if b, err := fs.ReadFile(root, "run/systemd/container"); err == nil { // systemd writes it for its services
		return strings.TrimSpace(string(b)), true
	}
	b, _ := fs.ReadFile(root, "proc/self/cgroup") // missing where there are no cgroups
	return containerCgroup(string(b))
}

// containerCgroup finds a container's name among the folders of /proc/PID/cgroup (cgroups(7)). With a cgroup namespace
// of its own a container sees none of them.
func containerCgroup(cgroup string) (name string, ok bool) {
	marks := []struct{ pattern, name string }{
		{"kubepods*", "kubernetes"},
		{"docker-*.scope", "docker"}, {"docker", "docker"}, // with the drivers systemd and cgroupfs
		{"libpod-*", "podman"},
		{"crio-*", "cri-o"},
		{"cri-containerd-*", "containerd"},
		{"lxc.payload*", "lxc"}, {"lxc", "lxc"},
		{"machine-*.scope", "systemd-nspawn"},
	}
	for line := range strings.Lines(cgroup) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3) // the hierarchy's number, its controllers, the path
		for folder := range strings.SplitSeq(fields[len(fields)-1], "/") {
			for _, m := range marks {
				if matched, _ := path.Match(m.pattern, folder); matched {
					return m.name, true
				}
			}
		}
	}
	return "", false
}
