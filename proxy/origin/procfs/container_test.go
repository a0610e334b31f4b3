package procfs

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	testID  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	otherID = "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	testPod = "12345678-1234-1234-1234-123456789abc"
)

func TestContainerOfCgroup(t *testing.T) {
	underlined := strings.ReplaceAll(testPod, "-", "_")
	slice := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + underlined + ".slice"
	user := "/user.slice/user-1000.slice/user@1000.service/user.slice/"
	for path, want := range map[string]flow.Container{
		"/docker/" + testID:                                          {ID: testID, Runtime: "docker"},
		"/system.slice/docker-" + testID + ".scope":                  {ID: testID, Runtime: "docker"},
		"/docker/" + testID + "/docker/" + otherID:                   {ID: otherID, Runtime: "docker"},
		"/docker/" + testID + "/system.slice/foo.service":            {ID: testID, Runtime: "docker"},
		"/../docker-" + testID + ".scope":                            {ID: testID, Runtime: "docker"},
		"/machine.slice/libpod-" + testID + ".scope/container":       {ID: testID, Runtime: "podman"},
		"/libpod_parent/libpod-" + testID:                            {ID: testID, Runtime: "podman"},
		user + "libpod-" + testID + ".scope":                         {ID: testID, Runtime: "podman"},
		"/system.slice/web.service/libpod-payload-" + testID:         {ID: testID, Runtime: "podman"},
		"/machine.slice/libpod-conmon-" + testID + ".scope":          {},
		"/default/" + testID:                                         {ID: testID, Runtime: "containerd"},
		"/system.slice/nerdctl-" + testID + ".scope":                 {ID: testID, Runtime: "containerd"},
		slice + "/cri-containerd-" + testID + ".scope":               {ID: testID, Runtime: "containerd"},
		"/system.slice/" + "x.slice:cri-containerd:" + testID:        {ID: testID, Runtime: "containerd"},
		slice + "/crio-" + testID + ".scope":                         {ID: testID, Runtime: "cri-o"},
		slice + "/crio-conmon-" + testID + ".scope":                  {ID: testPod, Runtime: "kubernetes"},
		slice + "/docker-" + testID + ".scope":                       {ID: testID, Runtime: "docker"},
		slice:                                                        {ID: testPod, Runtime: "kubernetes"},
		"/kubepods/besteffort/pod" + testPod + "/" + testID:          {ID: testID, Runtime: "kubernetes"},
		"/kubepods/besteffort/pod" + testPod:                         {ID: testPod, Runtime: "kubernetes"},
		"/kubepods/pod" + testID[:32] + "/" + testID:                 {ID: testID, Runtime: "kubernetes"},
		"/actions_job/" + testID:                                     {ID: testID},
		"/lxc/web":                                                   {ID: "web", Runtime: "lxc"},
		"/lxc.payload.web/system.slice/nginx.service":                {ID: "web", Runtime: "lxc"},
		"/lxc.monitor.web":                                           {},
		"/garden/5a6b7c8d-1234":                                      {ID: "5a6b7c8d-1234", Runtime: "garden"},
		"/system.slice/docker.service":                               {},
		"/system.slice/docker-" + testID[1:] + ".scope":              {},
		"/system.slice/docker-" + strings.ToUpper(testID) + ".scope": {},
		"/user.slice/user-1000.slice/session-3.scope":                {},
		"/system.slice/podman.service/pod" + testPod[:8]:             {},
		"/": {},
		"":  {},
	} {
		if got := containerOf(path); got != want {
			t.Errorf("%s: %+v, want %+v", path, got, want)
		}
	}
}

func TestContainerOfMounts(t *testing.T) {
	mount := func(root, point string) string {
		return "36 35 98:0 " + root + " " + point + " rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
	}
	for _, tc := range []struct {
		mounts string
		want   flow.Container
	}{
		{mount("/", "/") + mount("/var/lib/docker/containers/"+testID+"/hostname", "/etc/hostname"),
			flow.Container{ID: testID, Runtime: "docker"}},
		{mount("/containers/storage/overlay-containers/"+testID+"/userdata/hosts", "/etc/hosts"),
			flow.Container{ID: testID, Runtime: "podman"}},
		{mount("/containers/storage/overlay-containers/"+testID+"/userdata/hostname", "/etc/hostname") +
			mount("/var/lib/kubelet/pods/"+testPod+"/etc-hosts", "/etc/hosts"), flow.Container{ID: testID, Runtime: "cri-o"}},
		{mount("/var/lib/nerdctl/1935db59/containers/default/"+testID+"/resolv.conf", "/etc/resolv.conf"),
			flow.Container{ID: testID, Runtime: "containerd"}},
		{mount("/var/lib/kubelet/pods/"+testPod+"/etc-hosts", "/etc/hosts"), flow.Container{ID: testPod, Runtime: "kubernetes"}},
		// The host has a container's memory mounted, too.
		{mount("/", "/var/lib/docker/containers/"+testID+"/mounts/shm"), flow.Container{}},
		{mount("/var/lib/docker/containers/"+testID+"/hostname", "/mnt"), flow.Container{}},
		{mount("/srv/"+testID, "/etc/hosts") + "x\n", flow.Container{}},
	} {
		if got := mountedContainer([]byte(tc.mounts)); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.mounts, got, tc.want)
		}
	}
}

func TestCgroupAndUnit(t *testing.T) {
	for _, tc := range []struct{ file, path, unit string }{
		{"0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n",
			"/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service"},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service/worker\n",
			"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service/worker", "foo.service"},
		{"0::/user.slice/user-1000.slice/session-3.scope\n", "/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
		{"9:name=systemd:/system.slice/a:b.service\n2:cpu,cpuacct:/x\n0::/\n", "/system.slice/a:b.service", "a:b.service"},
		{"9:name=systemd:/old.service\n0::/new.service\n", "/new.service", "new.service"},
		{"9:name=systemd:/\n2:cpu:/x\n", "/", ""},
		{"0::/gone.scope (deleted)\n", "/gone.scope", "gone.scope"},
		{"0::/\n", "/", ""},
		{"2:cpu:/x\n", "", ""},
		{"nonsense\n", "", ""},
	} {
		got, _ := cgroupsOf([]byte(tc.file))
		if got != tc.path || unitOf(got) != tc.unit {
			t.Errorf("%q: %s, %s; want %s, %s", tc.file, got, unitOf(got), tc.path, tc.unit)
		}
	}
}
