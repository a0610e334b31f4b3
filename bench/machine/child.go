//go:build linux

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Program is the path of a program: in PATH, in the system's own folders that a user's PATH lacks, or in those of the
// newest PostgreSQL as Debian lays it out.
func Program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	postgres, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the only error is a bad pattern
	slices.Reverse(postgres)
	for _, dir := range append([]string{"/usr/local/sbin", "/usr/sbin", "/sbin"}, postgres...) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %s is not installed (bench/deps installs it)", name)
}

// Child is a program in the background. It leads a process group of its own and dies with this process.
type Child struct {
	cmd    *exec.Cmd
	output string
	ended  chan struct{}
	err    error
}

// Start starts cmd with its output, both kinds, in the file output. Whoever starts it stops it.
func Start(cmd *exec.Cmd, output string) (*Child, error) {
	file, err := os.Create(output)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	c := &Child{cmd: cmd, output: output, ended: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// PID is the child's process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Ended is closed when the child has ended.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// ExitCode is what the child has ended with; -1 when it runs or was killed.
func (c *Child) ExitCode() int {
	select {
	case <-c.ended:
		return c.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Signal sends the child a signal; one that has ended gets none.
func (c *Child) Signal(s os.Signal) { _ = c.cmd.Process.Signal(s) }

// Wait waits for the end and returns what the child ended with; after ctx it is killed.
func (c *Child) Wait(ctx context.Context) error {
	select {
	case <-c.ended:
		return c.err
	case <-ctx.Done():
		c.kill()
		return ctx.Err()
	}
}

// Stop asks the child to end, kills its group when it has not within the patience, and waits for it.
func (c *Child) Stop(s os.Signal, patience time.Duration) {
	c.Signal(s)
	select {
	case <-c.ended:
	case <-time.After(patience):
	}
	c.kill()
}

// kill ends what is left of the group: a child that has ended may have left children.
func (c *Child) kill() {
	_ = syscall.Kill(-c.PID(), syscall.SIGKILL)
	<-c.ended
}

// Said is the end of what the child has printed.
func (c *Child) Said() string {
	b, err := os.ReadFile(c.output)
	if err != nil {
		return ""
	}
	const most = 600
	return strings.TrimSpace(string(b[max(0, len(b)-most):]))
}

// Until waits until ready says so, and fails when the child ends or the patience does.
func (c *Child) Until(ctx context.Context, what string, patience time.Duration, ready func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for {
		ok, err := ready()
		if ok || err != nil {
			return err
		}
		select {
		case <-c.ended:
			return fmt.Errorf("wait for %s: it ended: %s", what, c.Said())
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for %s: not within %v: %s", what, patience, c.Said())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Output runs cmd to its end and returns its standard output. The error has what the program said. After ctx it is
// killed, with its group.
func Output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	stop := context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	if err := cmd.Wait(); err != nil {
		said := strings.TrimSpace(stderr.String() + stdout.String())
		return stdout.String(), errors.Join(ctx.Err(), fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, said))
	}
	return stdout.String(), nil
}
