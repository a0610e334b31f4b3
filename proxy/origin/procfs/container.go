package procfs

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// mountsMax is how many bytes of /proc/PID/mountinfo are read. A container's own files are among its first mounts.
const mountsMax = 256 << 10

// containerOf is the innermost container of a control group's path, as its runtime names groups.
func containerOf(path string) flow.Container {
	names := strings.Split(path, "/")
	for i, name := range slices.Backward(names) {
		parent := ""
		if i > 0 {
			parent = names[i-1]
		}
		if c := containerNamed(name, parent); c.ID != "" {
			return c
		}
	}
	for _, name := range slices.Backward(names) { // a pod without its container
		if pod := podOf(name); pod != "" {
			return flow.Container{ID: pod, Runtime: "kubernetes"}
		}
	}
	return flow.Container{}
}

// containerNamed reads one name of a path: "docker-ID.scope" of the systemd driver, "ID" below a folder of the runtime's
// of the cgroupfs driver, or a name that a person gave to a system container.
func containerNamed(name, parent string) flow.Container {
	bare := strings.TrimSuffix(name, ".scope")
	for _, known := range []struct{ prefix, runtime string }{
		{"docker-", "docker"}, {"libpod-payload-", "podman"}, {"libpod-", "podman"}, {"cri-containerd-", "containerd"},
		{"nerdctl-", "containerd"}, {"containerd-", "containerd"}, {"crio-", "cri-o"},
	} {
		if id, ok := strings.CutPrefix(bare, known.prefix); ok && isID(id) {
			return flow.Container{ID: id, Runtime: known.runtime}
		}
	}
	if words := strings.Split(bare, ":"); len(words) == 3 && isID(words[2]) { // runc was not told that it runs under systemd
		return flow.Container{ID: words[2], Runtime: strings.TrimPrefix(words[1], "cri-")}
	}
	if id, ok := strings.CutPrefix(name, "lxc.payload."); ok && id != "" {
		return flow.Container{ID: id, Runtime: "lxc"}
	}
	switch {
	case name == "":
		return flow.Container{}
	case parent == "lxc" || parent == "lxc.payload":
		return flow.Container{ID: name, Runtime: "lxc"}
	case parent == "garden":
		return flow.Container{ID: name, Runtime: "garden"}
	case isID(name):
		return flow.Container{ID: name, Runtime: runtimeOf(parent)}
	default:
		return flow.Container{}
	}
}

// runtimeOf is whose a group with only an identifier for its name is, by the group above; empty when that says nothing.
func runtimeOf(parent string) string {
	switch {
	case parent == "docker":
		return "docker"
	case parent == "libpod_parent":
		return "podman"
	case parent == "default", parent == "k8s.io": // containerd's namespaces
		return "containerd"
	case podOf(parent) != "":
		return "kubernetes"
	default:
		return ""
	}
}

// podOf is the identifier of a pod: "podUID", or "kubepods-burstable-podUID.slice", where it has low lines for dashes.
func podOf(name string) string {
	name = strings.TrimSuffix(name, ".slice")
	at := strings.LastIndex(name, "pod")
	if at < 0 || at > 0 && !strings.HasPrefix(name, "kubepods") {
		return ""
	}
	uid := strings.ReplaceAll(name[at+len("pod"):], "_", "-")
	const uuid, config = 36, 32 // a static pod has the hash of its file
	dashes := strings.Count(uid, "-")
	if len(uid) == uuid && dashes == 4 && isHex(strings.ReplaceAll(uid, "-", "")) || len(uid) == config && isHex(uid) {
		return uid
	}
	return ""
}

// isID says whether s is an identifier of the Open Container Initiative's runtimes: 32 random bytes.
func isID(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}

// apart says whether the process has another mount namespace than this one.
func (d *Dir) apart() bool {
	theirs, err := d.d.link("ns/mnt")
	if err != nil {
		return false
	}
	self, err := openDescriptor(d.fs.Path("self"))
	if err != nil {
		return false
	}
	defer self.close()
	ours, err := self.link("ns/mnt")
	return err == nil && ours != theirs
}

// mountedContainer finds the container that a process sees from inside: runtimes mount files of their own over
// /etc/hosts and its like, from a folder with the container's identifier in its name. It helps where the control group
// says nothing, as in a cgroup namespace.
func mountedContainer(mounts []byte) flow.Container {
	pod := flow.Container{}
	for line := range bytes.Lines(mounts) {
		words := strings.Fields(string(line))
		const root, point = 3, 4 // proc_pid_mountinfo(5)
		if len(words) <= point || !slices.Contains([]string{"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}, words[point]) {
			continue
		}
		names := strings.Split(words[root], "/")
		for i, name := range names {
			if runtime := mountRuntime(names[:i]); runtime != "" && isID(name) {
				if runtime == "podman" && bytes.Contains(mounts, []byte("/kubelet/pods/")) {
					runtime = "cri-o" // it keeps them as podman does
				}
				return flow.Container{ID: name, Runtime: runtime}
			}
			if i > 0 && names[i-1] == "pods" && podOf("pod"+name) != "" {
				pod = flow.Container{ID: name, Runtime: "kubernetes"}
			}
		}
	}
	return pod
}

// mountRuntime is whose folder of containers this is.
func mountRuntime(folders []string) string {
	n := len(folders)
	switch {
	case n < 2:
		return ""
	case folders[n-1] == "containers" && folders[n-2] == "docker":
		return "docker"
	case folders[n-1] == "overlay-containers", folders[n-1] == "vfs-containers":
		return "podman"
	case n > 3 && folders[n-2] == "containers" && slices.Contains(folders, "nerdctl"):
		return "containerd"
	default:
		return ""
	}
}
