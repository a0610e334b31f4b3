package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// stopWithin is how long a child may take to end after SIGTERM.
const stopWithin = 20 * time.Second

// Child is a running program that ends with the test. It leads a process group of its own, and on Linux it dies with
// the thread that started it: a goroutine that locked its thread outlives its children.
type Child struct {
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr string // files: a program that writes much is never held up
	done           chan struct{}
}

// Start starts cmd and ends it when the test ends. What it prints is kept, unless the caller has set Stdout or Stderr.
// Whatever is left of its process group is killed as soon as it has ended itself.
func Start(t testing.TB, cmd *exec.Cmd) *Child {
	t.Helper()
	dir := t.TempDir()
	c := &Child{
		t: t, cmd: cmd, done: make(chan struct{}),
		stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr"),
	}
	if cmd.Stdout == nil {
		cmd.Stdout = c.create(c.stdout)
	}
	if cmd.Stderr == nil {
		cmd.Stderr = c.create(c.stderr)
	}
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd, err)
	}
	go func() {
		defer close(c.done)
		_ = cmd.Wait()         // the outcome is in ProcessState
		killGroup(cmd.Process) // what it left behind; later its number may be another's
	}()
	t.Cleanup(c.Kill)
	return c
}

// create opens a file for the child to write; the child keeps its own descriptor of it.
func (c *Child) create(path string) *os.File {
	c.t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = f.Close() })
	return f
}

// PID is the child's process id.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Stdout is what the child has written to its standard output so far.
func (c *Child) Stdout() string { return c.read(c.stdout) }

// Stderr is what the child has written to its standard error so far.
func (c *Child) Stderr() string { return c.read(c.stderr) }

func (c *Child) read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		c.t.Errorf("output of %s: %v", c.cmd, err)
	}
	return string(b)
}

// Exited says whether the child has ended.
func (c *Child) Exited() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Wait returns the child's exit code once it has ended, -1 when a signal ended it, and fails the test when it has not
// ended within timeout.
func (c *Child) Wait(timeout time.Duration) int {
	c.t.Helper()
	if c.Exited() { // first, since select takes any case that is ready
		return c.cmd.ProcessState.ExitCode()
	}
	select {
	case <-c.done:
	case <-time.After(timeout):
		c.t.Fatalf("%s still runs after %v; stderr:\n%s", c.cmd, timeout, c.Stderr())
	}
	return c.cmd.ProcessState.ExitCode()
}

// Signal sends sig to the child alone.
func (c *Child) Signal(sig os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil && !c.Exited() {
		c.t.Errorf("signal %v to %s: %v", sig, c.cmd, err)
	}
}

// Stop asks the child to end (SIGTERM) and returns its exit code.
func (c *Child) Stop() int {
	c.t.Helper()
	if !c.Exited() {
		c.Signal(syscall.SIGTERM)
	}
	return c.Wait(stopWithin)
}

// Kill ends the child and its process group at once (SIGKILL) and waits for it.
func (c *Child) Kill() {
	if !c.Exited() {
		killGroup(c.cmd.Process)
	}
	<-c.done
}
