package procfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

func stampOf(t *testing.T, p FS, pid int) Stamp {
	t.Helper()
	s, err := open(t, p, pid).Stamp()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStampTellsPrograms(t *testing.T) {
	cmd := exec.Command(testkit.Program(t, "sh"), "-c", "echo began; read x; exec sleep 60")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := testkit.Start(t, cmd)
	testkit.Wait(t, "the shell", func() bool { return c.Stdout() == "began\n" }, 10*time.Second)
	first := stampOf(t, New(""), c.PID())
	if second := stampOf(t, New(""), c.PID()); second != first || first.stat.start == 0 || first.exe.Inode == 0 {
		t.Errorf("%+v, then %+v", first, second)
	}
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	testkit.Wait(t, "the other program", func() bool { return describe(t, c.PID()).Program == "sleep" }, 10*time.Second)
	if then := stampOf(t, New(""), c.PID()); then == first || then.stat.start != first.stat.start {
		t.Errorf("%+v, then %+v", first, then)
	}
}

// A program that executes itself with the same arguments is another one all the same: the kernel puts its stack
// elsewhere.
func TestStampTellsTheSameProgramAgain(t *testing.T) {
	if b, _ := os.ReadFile("/proc/sys/kernel/randomize_va_space"); strings.TrimSpace(string(b)) == "0" {
		testkit.Missing(t, "this kernel puts all stacks at the same place")
	}
	script := filepath.Join(t.TempDir(), "again")
	if err := os.WriteFile(script, []byte("echo began\nread x\nexec /bin/sh \"$0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", script)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c := testkit.Start(t, cmd)
	var stamps [2]Stamp
	for i, began := range []string{"began\n", "began\nbegan\n"} {
		testkit.Wait(t, "the program", func() bool { return c.Stdout() == began }, 10*time.Second)
		stamps[i] = stampOf(t, New(""), c.PID())
		if _, err := stdin.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	first, second := stamps[0], stamps[1]
	if first == second {
		t.Errorf("%+v twice", first)
	}
	if second.stat.stack = first.stat.stack; second != first {
		t.Errorf("more than the stack differs: %+v, then %+v", first, second)
	}
}

// Whatever is told of a process is in its stamp or in its setting: nothing of it changes and leaves both as they were.
func TestStampAndSettingTellChanges(t *testing.T) {
	tr := newTree(t)
	file, folder := filepath.Join(tr.root, "x"), filepath.Join(tr.root, "7", "cwd")
	link := func(target, name string) func() {
		return func() { _ = os.Remove(name); tr.must(os.Symlink(target, name)) }
	}
	write := func(name, content string) func() { return func() { tr.write(name, content) } }
	stat := func(pid int, old, replacement string) func() {
		name := strconv.Itoa(pid) + "/stat"
		return func() {
			b, err := os.ReadFile(filepath.Join(tr.root, name))
			tr.must(err)
			line := strings.Replace(string(b), old, replacement, 1)
			if line == string(b) {
				t.Fatalf("no %q in %q", old, line)
			}
			tr.write(name, line)
		}
	}
	tr.must(os.WriteFile(file, nil, 0o600))
	tr.process(5, 1, 0, "grandparent", "")
	tr.process(6, 5, 0, "parent", "")
	tr.process(7, 6, 0, "x", file)
	tr.must(os.Mkdir(filepath.Join(tr.root, "7", "ns"), 0o700))

	type sight struct {
		stamp   Stamp
		setting Setting
	}
	seen := map[sight]string{}
	for _, tc := range []struct {
		what   string
		change func()
		is     bool // what it is, and not where
	}{
		{"as it was at first", func() {}, true},
		{"two arguments", write("7/cmdline", "a\x00b\x00"), true},
		{"one argument", write("7/cmdline", "a b\x00"), true},
		{"another name", stat(7, "(x)", "(y)"), true},
		{"another start", stat(7, " 2500 ", " 2501 "), true},
		{"another stack", stat(7, " 3 0 0", " 4 0 0"), true},
		{"another session", stat(7, " 900 ", " 901 "), true},
		{"another terminal", stat(7, " 34819 ", " 34818 "), true},
		{"another parent", stat(7, " S 6 ", " S 5 "), true},
		{"another file of the same path", func() {
			tr.must(os.Rename(file, file+"2"))
			tr.must(os.WriteFile(file, nil, 0o600))
		}, true},
		{"another file", link(file+"2", filepath.Join(tr.root, "7", "exe")), true},
		{"its first parent again", stat(7, " S 5 ", " S 6 "), true},
		{"another folder", link("/srv", folder), false},
		{"yet another folder", link("/", folder), false},
		{"a control group", write("7/cgroup", "0::/a\n"), false},
		{"another control group", write("7/cgroup", "0::/b\n"), false},
		{"a mount namespace", link("mnt:[1]", filepath.Join(tr.root, "7", "ns", "mnt")), false},
		{"another mount namespace", link("mnt:[2]", filepath.Join(tr.root, "7", "ns", "mnt")), false},
		{"a parent of another name", stat(6, "(parent)", "(mother)"), false},
		{"a parent that has the number of another", stat(6, " 2500 ", " 2501 "), false},
		{"a parent that runs another program", stat(6, " 3 0 0", " 4 0 0"), false},
		{"a grandparent that has the number of another", stat(5, " 2500 ", " 2501 "), false},
		{"another grandparent", stat(6, " S 5 ", " S 1 "), false},
		{"no parent", func() { tr.must(os.RemoveAll(filepath.Join(tr.root, "6"))) }, false},
	} {
		before := stampOf(t, New(tr.root), 7)
		tc.change()
		d := open(t, New(tr.root), 7)
		stamp := stampOf(t, New(tr.root), 7)
		now := sight{stamp, d.Setting(stamp)}
		if same, ok := seen[now]; ok {
			t.Errorf("%s is the same as %s", tc.what, same)
		}
		seen[now] = tc.what
		if is := stamp != before; is != tc.is && len(seen) > 1 {
			t.Errorf("%s: the stamp is another: %t", tc.what, is)
		}
		if again := (sight{stampOf(t, New(tr.root), 7), d.Setting(stamp)}); again != now {
			t.Errorf("%s: %+v, then %+v", tc.what, now, again)
		}
	}
	if os.Geteuid() == 0 {
		before := stampOf(t, New(tr.root), 7)
		if tr.must(os.Chown(tr.root+"/7", 9, -1)); stampOf(t, New(tr.root), 7) == before {
			t.Error("another user is the same")
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	d := open(b, New(""), os.Getpid())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Stamp(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetting(b *testing.B) {
	d := open(b, New(""), os.Getpid())
	stamp, err := d.Stamp()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if d.Setting(stamp) == (Setting{}) {
			b.Fatal("nothing")
		}
	}
}
