package history_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/history"
)

// TestReadOnly has another user read, who may not write the directory: while a door writes, after it ended in order,
// and after it was killed.
func TestReadOnly(t *testing.T) {
	testkit.NeedRoot(t)
	dir := t.TempDir()
	for at := dir; at != "/" && strings.Contains(at, "TestReadOnly"); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, someRecords(begun(), 1000)...)
	entries := read(t, dir)
	path := filepath.Join(dir, "history.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries)
	all := fmt.Sprintf("%d records\n", len(entries))
	if out := asNobody(t, dir); out != all {
		t.Errorf("while it is written: %s", out)
	}
	left := map[string][]byte{}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		left[suffix] = content
	}
	closeStore(t, s)
	if out := asNobody(t, dir); out != all {
		t.Errorf("after the door ended in order: %s", out)
	}
	for suffix, content := range left {
		if err := os.WriteFile(path+suffix, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out := asNobody(t, dir); out != all {
		t.Errorf("after the door was killed: %s", out)
	}
	if err := os.Remove(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	if out := asNobody(t, dir); !strings.Contains(out, "open history") {
		t.Errorf("without the shared index: %s", out)
	}
}

// asNobody is what the reader prints, whatever it ends with.
func asNobody(t *testing.T, dir string) string {
	t.Helper()
	self := filepath.Join(dir, "reader")
	if _, err := os.Stat(self); err != nil {
		this, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(self, this, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(self)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), readDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	c := testkit.Start(t, cmd)
	c.Wait(time.Minute)
	return c.Stdout() + c.Stderr()
}
