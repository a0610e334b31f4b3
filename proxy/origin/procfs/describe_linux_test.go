package procfs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func open(t testing.TB, p FS, pid int) *Dir {
	t.Helper()
	d, err := p.Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// describe waits for a process that is about to turn into another program: it cannot be described meanwhile.
func describe(t testing.TB, pid int) (p *flow.Process) {
	t.Helper()
	testkit.Wait(t, "a description", func() bool {
		var err error
		p, err = open(t, New(""), pid).Describe(Options{})
		if err != nil && !errors.Is(err, errTurning) {
			t.Fatal(err)
		}
		return err == nil
	}, 10*time.Second)
	return p
}

func TestDescribe(t *testing.T) {
	tr := newTree(t)
	file := filepath.Join(tr.root, "python3.11")
	tr.must(os.WriteFile(file, nil, 0o600))
	tr.process(1, 0, 0, "systemd", "/lib/systemd/systemd")
	tr.process(80, 1, 0, "bash", "/bin/bash")
	tr.process(81, 80, 0, "python3", file)
	tr.write("80/cmdline", "-bash\x00")
	tr.write("81/cmdline", "python3\x00-m\x00http.server\x00--token\x00hunter2\x00")
	tr.write("81/cgroup", "0::/user.slice/user@7.service/app.slice/docker-"+testID+".scope\n")
	tr.must(os.Symlink("/srv", filepath.Join(tr.root, "81", "cwd")))
	var st unix.Stat_t
	tr.must(unix.Stat(file, &st))
	got, err := open(t, New(tr.root), 81).Describe(Options{})
	want := &flow.Process{
		PID: 81, Program: "python -m http.server", CommandLine: "python3 -m http.server --token ***",
		Executable: flow.Executable{Path: file, Device: st.Dev, Inode: st.Ino}, WorkingDirectory: "/srv",
		Parents:   []flow.Ancestor{{PID: 80, Program: "bash"}, {PID: 1, Program: "systemd"}},
		Cgroup:    "/user.slice/user@7.service/app.slice/docker-" + testID + ".scope",
		Container: flow.Container{ID: testID, Runtime: "docker"}, Unit: "docker-" + testID + ".scope",
		Session: 900, TTY: "pts/3",
	}
	if os.Geteuid() != 0 {
		want.UID = uint32(os.Geteuid())
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(flow.Process{}, "Started")); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	up, err := sinceBoot()
	if want := time.Now().Add(25*time.Second - time.Duration(up)); err != nil || got.Started.Sub(want).Abs() > 5*time.Second {
		t.Errorf("started %v, want %v, %v", got.Started, want, err)
	}
	for c, want := range map[CommandLine]string{CommandLineOff: "", CommandLineFull: "python3 -m http.server --token hunter2"} {
		if got, err := open(t, New(tr.root), 81).Describe(Options{CommandLine: c}); err != nil || got.CommandLine != want {
			t.Errorf("%v: %+v, %v", c, got, err)
		}
	}
}

func TestAncestors(t *testing.T) {
	tr := newTree(t)
	tr.process(5, 6, 0, "five", "")
	tr.process(6, 5, 0, "six", "")
	tr.process(7, 7, 0, "seven", "")
	tr.process(8, 9, 0, "eight", "") // and there is no 9
	for i := range 2 * flow.ParentsMax {
		tr.process(100+i, 101+i, 0, "x", "")
	}
	for pid, want := range map[int]int{5: 1, 7: 0, 8: 0, 100: flow.ParentsMax} {
		if p, err := open(t, New(tr.root), pid).Describe(Options{}); err != nil || len(p.Parents) != want {
			t.Errorf("%d has %+v, %v; want %d", pid, p, err, want)
		}
	}
}

func TestDescribeItself(t *testing.T) {
	got := describe(t, os.Getpid())
	exe, _ := os.Executable()
	wd, _ := os.Getwd()
	sid, _ := unix.Getsid(0)
	if got.PID != os.Getpid() || got.UID != uint32(os.Geteuid()) || got.Session != sid || got.WorkingDirectory != wd ||
		got.Program != filepath.Base(exe) || got.Executable.Path != exe || got.Executable.Inode == 0 || got.Executable.Deleted {
		t.Errorf("%+v", got)
	}
	if len(got.Parents) == 0 || got.Parents[0].PID != os.Getppid() {
		t.Errorf("parents %v; want %d first", got.Parents, os.Getppid())
	}
}

func TestStarted(t *testing.T) {
	before := time.Now()
	c := testkit.Start(t, exec.Command(testkit.Program(t, "sleep"), "60"))
	after := time.Now()
	const tick = time.Second / ticks
	if got := describe(t, c.PID()).Started; got.Before(before.Add(-2*tick)) || got.After(after.Add(tick)) {
		t.Errorf("started %v; want between %v and %v", got, before, after)
	}
}

// Real programs of this machine, as the kernel tells of them.
func TestProgramsOfThisMachine(t *testing.T) {
	script := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const wait = "read x\n"
	python := strings.TrimSpace(testkit.Run(t, testkit.Program(t, "python3"), "-c", "import sys; print(sys.executable)"))
	for _, tc := range []struct {
		want    string
		program string
		args    []string
	}{
		{"sleep", "sleep", []string{"60"}},
		{"sh -c", "sh", []string{"-c", wait + ":"}},
		{"bash deploy.sh", "bash", []string{script("deploy.sh", wait)}},
		{"bash deploy.sh", script("deploy.sh", "#!/bin/bash\n"+wait), nil},
		{"deploy-the-whole-shop", script("deploy-the-whole-shop", "#!/bin/bash\n"+wait), nil},
		{"python app.py", python, []string{"-u", script("app.py", "input()")}},
		{"python -c", python, []string{"-c", "input()"}},
		{"python -m http.server", python, []string{"-m", "http.server", "--bind", "127.0.0.1", "0"}},
		{"perl x.pl", "perl", []string{"-w", script("x.pl", "<STDIN>")}},
		{"shop", "perl", []string{"-e", `$0 = "shop: idle worker"; <STDIN>`}},
		{"node server.js", "node", []string{"--no-warnings", script("server.js", "process.stdin.resume()")}},
		{"npm run dev", "node", []string{script("npm.js", "process.title = 'npm run dev'; process.stdin.resume()")}},
	} {
		t.Run(tc.want, func(t *testing.T) {
			cmd := exec.Command(testkit.Program(t, tc.program), tc.args...)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			c := testkit.Start(t, cmd)
			var got *flow.Process
			defer func() { t.Logf("%+v\n%s", got, c.Stderr()) }()
			testkit.Wait(t, "the name "+tc.want, func() bool {
				got, err = open(t, New(""), c.PID()).Describe(Options{})
				return err == nil && got.Program == tc.want
			}, 20*time.Second)
			if p, err := New("").Process(c.PID()); err != nil || p.Program != tc.want || p.PPID != os.Getpid() {
				t.Errorf("in short %+v, %v", p, err)
			}
		})
	}
}

func TestDeletedExecutable(t *testing.T) {
	b, err := os.ReadFile(testkit.Program(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nap", "nap (deleted)"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o700); err != nil {
			t.Fatal(err)
		}
		c := testkit.Start(t, exec.Command(path, "60"))
		before := describe(t, c.PID())
		if want := (flow.Executable{Path: path, Device: before.Executable.Device, Inode: before.Executable.Inode}); before.Executable != want {
			t.Errorf("%+v, want %+v", before.Executable, want)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		want := before.Executable
		want.Deleted = true
		if got := describe(t, c.PID()); got.Executable != want || got.Program != name {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// What others may not read of root's process is not told; its name is.
func TestDescribeAnotherUsersProcess(t *testing.T) {
	testkit.NeedRoot(t)
	c := testkit.Start(t, exec.Command(testkit.Program(t, "sleep"), "60"))
	// The kernel answers exec before the new program's command line is in its place.
	testkit.Wait(t, "the command line of sleep", func() bool { return describe(t, c.PID()).CommandLine != "" }, 20*time.Second)
	var got *flow.Process
	asNobody(t, func() { got = describe(t, c.PID()) })
	if got.Program != "sleep" || !strings.HasSuffix(got.CommandLine, "sleep 60") || got.UID != 0 || len(got.Parents) == 0 {
		t.Errorf("%+v", got)
	}
	if got.Executable != (flow.Executable{}) || got.WorkingDirectory != "" {
		t.Errorf("nobody reads %+v", got)
	}
}

// A process that becomes one program and another by turns is never told of as a mix of both.
func TestDescribeWhileProgramsChange(t *testing.T) {
	b, err := os.ReadFile(testkit.Program(t, "dash"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	one, two, script := filepath.Join(dir, "one"), filepath.Join(dir, "two"), filepath.Join(dir, "turn")
	if err := errors.Join(os.WriteFile(one, b, 0o700), os.WriteFile(two, b, 0o700),
		os.WriteFile(script, []byte(`exec "$2" "$0" "$2" "$1"`), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := testkit.Start(t, exec.Command(one, script, one, two))
	d := open(t, New(""), c.PID())
	seen := map[string]int{}
	for range 1000 {
		p, err := d.Describe(Options{CommandLine: CommandLineFull})
		if err != nil {
			seen["none"]++
			continue
		}
		name := filepath.Base(p.Executable.Path)
		seen[name]++
		var st unix.Stat_t
		err = unix.Stat(p.Executable.Path, &st)
		line := p.CommandLine == "" || strings.HasPrefix(p.CommandLine, p.Executable.Path+" ")
		if p.Program != name || !line || err != nil || st.Ino != p.Executable.Inode {
			t.Fatalf("%+v, file %d, %v", p, st.Ino, err)
		}
	}
	if seen["one"] == 0 || seen["two"] == 0 {
		t.Errorf("seen %v", seen)
	}
	t.Logf("seen %v", seen)
}

func TestDescribeInControlGroup(t *testing.T) {
	id := testkit.ContainerID()
	group := testkit.NewCgroup(t, "docker-"+id+".scope")
	c := testkit.Start(t, exec.Command(testkit.Program(t, "sleep"), "60"))
	group.Add(c.PID())
	got := describe(t, c.PID())
	if got.Container != (flow.Container{ID: id, Runtime: "docker"}) || got.Unit != "docker-"+id+".scope" ||
		!strings.HasSuffix(got.Cgroup, "/"+got.Unit) {
		t.Errorf("%+v", got)
	}
}

// In a cgroup namespace the group says nothing, and the mounts tell.
func TestDescribeContainerByItsMounts(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "unshare", "mount")
	file := filepath.Join(t.TempDir(), "docker", "containers", testID, "hostname")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	// It stays the shell: one that turns into another program while it is read is nobody.
	cmd := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/hostname && echo ready && read x`, file)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	c := testkit.Start(t, cmd)
	testkit.Wait(t, "the mount", func() bool { return c.Stdout() == "ready\n" }, 10*time.Second)
	if got := describe(t, c.PID()); got.Container != (flow.Container{ID: testID, Runtime: "docker"}) {
		t.Errorf("%+v", got)
	}
}

func BenchmarkDescribe(b *testing.B) {
	d := open(b, New(""), os.Getpid())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Describe(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
