package testkit

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// readyWithin is how long a server may take to start on a busy machine.
const readyWithin = 60 * time.Second

// serve starts a server on a free port and waits until it has said ready in its output: an attempt to connect would be
// in its books. Whoever lost the port to somebody else in between tries another.
func serve(t testing.TB, ready string, command func(port int) *exec.Cmd) (*Child, int) {
	t.Helper()
	var c *Child
	for range 3 {
		port := FreePort(t)
		c = Start(t, command(port))
		said := func() bool { return strings.Contains(c.Stdout()+c.Stderr(), ready) }
		Wait(t, c.cmd.Path+" to start", func() bool { return said() || c.Exited() }, readyWithin)
		if said() && !c.Exited() {
			return c, port
		}
	}
	t.Fatalf("%s ended at once:\n%s%s", c.cmd, c.Stdout(), c.Stderr())
	return nil, 0
}

// tempDir makes a folder with a short name, since a Unix socket's path has at most 107 bytes (unix(7)), that belongs to
// id. The folder of t.TempDir is root's alone.
func tempDir(t testing.TB, id identity) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "testkit-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove %s: %v", dir, err)
		}
	})
	id.owns(t, dir)
	return dir
}
