package origin

import (
	"testing"
	"testing/fstest"
)

func TestInContainer(t *testing.T) {
	cgroup := func(s string) fstest.MapFS { return fstest.MapFS{"proc/self/cgroup": {Data: []byte(s)}} }
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for name, tc := range map[string]struct {
		root fstest.MapFS
		env  map[string]string
		want string
	}{
		"a host":                  {cgroup("0::/user.slice/user-1000.slice/session-3.scope\n"), nil, ""},
		"nothing to be seen":      {fstest.MapFS{}, nil, ""},
		"the runtime's own unit":  {cgroup("0::/system.slice/docker.service\n"), nil, ""},
		"a namespace of its own":  {cgroup("0::/\n"), nil, ""},
		"docker":                  {fstest.MapFS{".dockerenv": {}}, nil, "docker"},
		"podman":                  {fstest.MapFS{"run/.containerenv": {Data: []byte("engine=\"podman\"")}}, nil, "podman"},
		"systemd":                 {fstest.MapFS{"run/systemd/container": {Data: []byte("lxc\n")}}, nil, "lxc"},
		"the variable":            {fstest.MapFS{}, map[string]string{"container": "systemd-nspawn"}, "systemd-nspawn"},
		"a pod":                   {fstest.MapFS{}, map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"},
		"docker's cgroup, v1":     {cgroup("12:pids:/docker/" + id + "\n11:cpu:/docker/" + id + "\n"), nil, "docker"},
		"docker's cgroup, v2":     {cgroup("0::/system.slice/docker-" + id + ".scope\n"), nil, "docker"},
		"podman's cgroup":         {cgroup("0::/machine.slice/libpod-" + id + ".scope/container\n"), nil, "podman"},
		"a pod's cgroup":          {cgroup("0::/kubepods.slice/kubepods-burstable.slice/x\n"), nil, "kubernetes"},
		"containerd's cgroup":     {cgroup("0::/system.slice/cri-containerd-" + id + ".scope\n"), nil, "containerd"},
		"lxc's cgroup":            {cgroup("0::/lxc.payload.web/system.slice\n"), nil, "lxc"},
		"a folder that looks so":  {cgroup("0::/user.slice/dockers/x\n"), nil, ""},
		"a colon in the path":     {cgroup("0::/a:docker-x.scope/b\n"), nil, ""},
		"systemd's named cgroups": {cgroup("1:name=systemd:/machine.slice/machine-web.scope\n"), nil, "systemd-nspawn"},
	} {
		got, ok := inContainer(tc.root, func(key string) string { return tc.env[key] })
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %q, %v; want %q", name, got, ok, tc.want)
		}
	}
}
