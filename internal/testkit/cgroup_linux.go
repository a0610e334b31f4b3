package testkit

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Cgroup is a control group that goes with the test.
type Cgroup struct {
	t         testing.TB
	root, dir string
}

// NewCgroup makes a control group below the root of the v2 hierarchy, and those above it that are missing. Who is in it
// when the test ends goes back to the root.
func NewCgroup(t testing.TB, path string) *Cgroup {
	t.Helper()
	NeedRoot(t)
	root := unifiedMount(t)
	c := &Cgroup{t: t, root: root, dir: filepath.Join(root, path)}
	dir := root
	for name := range strings.SplitSeq(path, "/") {
		dir = filepath.Join(dir, name)
		made := dir
		switch err := os.Mkdir(dir, 0o755); {
		case err == nil:
			t.Cleanup(func() { c.remove(made) })
		case !os.IsExist(err):
			Missing(t, "no control group can be made: %v", err)
		}
	}
	return c
}

// Add moves a process into the group.
func (c *Cgroup) Add(pid int) {
	c.t.Helper()
	if err := c.move(c.dir, strconv.Itoa(pid)); err != nil {
		c.t.Fatalf("move process %d into %s: %v", pid, c.dir, err)
	}
}

func (c *Cgroup) move(dir, pid string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(pid), 0o600)
}

// remove waits for the end of those that are ending: they cannot be moved any more.
func (c *Cgroup) remove(dir string) {
	Wait(c.t, "the end of "+dir, func() bool {
		b, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for pid := range strings.FieldsSeq(string(b)) {
			_ = c.move(c.root, pid)
		}
		return os.Remove(dir) == nil
	}, 10*time.Second)
}

// unifiedMount is where the v2 hierarchy is mounted.
func unifiedMount(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if words := strings.Fields(line); len(words) > 5 && strings.Contains(line, " - cgroup2 ") {
			return words[4]
		}
	}
	Missing(t, "no cgroup2 is mounted")
	return ""
}

// ContainerID is an identifier as container runtimes give them, another each time.
func ContainerID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
