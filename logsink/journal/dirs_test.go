package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestDefaultDir(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("XDG_STATE_HOME", "/x/state")
	want := "/x/state/lodoor/journal/pg"
	if os.Geteuid() == 0 {
		want = "/var/lib/lodoor/journal/pg"
	}
	if got, err := DefaultDir("pg"); err != nil || got != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	t.Setenv("STATE_DIRECTORY", "/run/a:/run/b")
	if got, err := DefaultDir("pg"); err != nil || got != "/run/a/journal/pg" {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "a\x00"} {
		if got, err := DefaultDir(bad); err == nil {
			t.Errorf("instance %q is kept in %s", bad, got)
		}
	}
}

func TestDirs(t *testing.T) {
	state := t.TempDir()
	t.Setenv("STATE_DIRECTORY", filepath.Join(state, "service"))
	t.Setenv("XDG_STATE_HOME", filepath.Join(state, "user"))
	one, err := DefaultDir("one")
	if err != nil {
		t.Fatal(err)
	}
	two := filepath.Join(state, "user", "lodoor", "journal", "two")
	restart(t, one)
	restart(t, two)
	if err := os.MkdirAll(filepath.Join(filepath.Dir(two), "empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	if dirs, err := Dirs(); err != nil || !slices.Equal(dirs, []string{one}) {
		t.Errorf("with STATE_DIRECTORY: %v, %v", dirs, err)
	}
	t.Setenv("STATE_DIRECTORY", "")
	dirs, err := Dirs()
	if err != nil || slices.Contains(dirs, one) || !slices.Contains(dirs, two) {
		t.Errorf("without STATE_DIRECTORY: %v, %v", dirs, err)
	}
	for _, d := range dirs {
		if filepath.Base(d) == "empty" {
			t.Errorf("%s has no journal", d)
		}
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	restart(t, dir)
	for path, want := range map[string]fs.FileMode{
		dir: 0o700, filepath.Dir(dir): 0o700, filepath.Join(dir, segmentName(1)): 0o600, filepath.Join(dir, lockFile): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}

func TestNoPlace(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	writeFile(t, blocked, nil)
	_, err := Open(small(filepath.Join(blocked, "journal")))
	if err == nil || !strings.Contains(err.Error(), "cannot be written") || !strings.Contains(err.Error(), "--journal DIR") {
		t.Errorf("journal below a file: %v", err)
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("a journal without a directory was opened")
	}
}

func TestTakenHere(t *testing.T) {
	dir := t.TempDir()
	if pid, ok, err := Writer(dir); pid != 0 || ok || err != nil {
		t.Errorf("before: writer %d, %v, %v", pid, ok, err)
	}
	_, stop := running(t, small(dir))
	var taken *TakenError
	if _, err := Open(small(dir)); !errors.As(err, &taken) {
		t.Errorf("opened twice: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := Writer(dir); ok || err != nil {
		t.Errorf("after the end: %v, %v", ok, err)
	}
}

func TestTakenByAnother(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), crashChildDir+"="+dir)
	c := testkit.Start(t, child)
	testkit.Wait(t, "the child to write", func() bool { _, ok, _ := Writer(dir); return ok }, waitLong)
	pid, ok, err := Writer(dir)
	if pid != child.Process.Pid || !ok || err != nil {
		t.Errorf("writer %d, %v, %v; the child is %d", pid, ok, err, child.Process.Pid)
	}
	var taken *TakenError
	if _, err := Open(small(dir)); !errors.As(err, &taken) || taken.PID != child.Process.Pid ||
		!strings.Contains(err.Error(), fmt.Sprint("written by process ", taken.PID)) {
		t.Errorf("opened beside process %d: %v", child.Process.Pid, err)
	}
	c.Kill()
	if _, ok, err := Writer(dir); ok || err != nil {
		t.Errorf("after its death: %v, %v", ok, err)
	}
}
