//go:build linux

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors that each process of a crowd has of its own, besides the three standard ones: pairs of sockets, pipes,
// and a file.
const (
	crowdSockets = 5
	crowdPipes   = 3
	// CrowdDescriptors is how many descriptors each process of a [Crowd] has in all, besides what it may inherit.
	CrowdDescriptors = 3 + 2*crowdSockets + 2*crowdPipes + 1
)

// Crowd is processes that do nothing but to be there, with open descriptors: others that one looks through when one
// looks for a process. They die with this process.
type Crowd struct{ members []*exec.Cmd }

// Gather starts n processes of a crowd and waits until they rest. Close ends them.
func Gather(ctx context.Context, n int) (*Crowd, error) {
	sleep, err := Program("sleep")
	if err != nil {
		return nil, err
	}
	c := &Crowd{}
	for i := range n {
		if err := c.join(sleep); err != nil {
			return nil, errors.Join(fmt.Errorf("start process %d of a crowd of %d: %w", i+1, n, err), c.Close())
		}
	}
	if err := c.settle(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// settle waits until the processes have loaded what they need, and use no processor time any more.
func (c *Crowd) settle(ctx context.Context) error {
	const quiet, within = 20 * time.Millisecond, 20 * time.Second
	last := time.Duration(-1)
	for began := time.Now(); time.Since(began) < within; time.Sleep(quiet) {
		used, err := Consumed(c.PIDs())
		if err != nil || used == last {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		last = used
	}
	return fmt.Errorf("a crowd of %d does not come to rest within %v", len(c.members), within)
}

// join starts one process. Its descriptors are its own: nobody else keeps them.
func (c *Crowd) join(sleep string) error {
	files, err := belongings()
	defer func() {
		for _, f := range files {
			_ = f.Close() // the process has its own
		}
	}()
	if err != nil {
		return err
	}
	cmd := exec.Command(sleep, "infinity")
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.members = append(c.members, cmd)
	return nil
}

// belongings are the descriptors of one process, also those that were there before an error.
func belongings() ([]*os.File, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	files := []*os.File{null}
	for range crowdSockets {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return files, os.NewSyscallError("socketpair", err)
		}
		files = append(files, os.NewFile(uintptr(pair[0]), "socket"), os.NewFile(uintptr(pair[1]), "socket"))
	}
	for range crowdPipes {
		r, w, err := os.Pipe()
		if err != nil {
			return files, err
		}
		files = append(files, r, w)
	}
	return files, nil
}

// PIDs are the processes, the oldest first.
func (c *Crowd) PIDs() []int {
	pids := make([]int, len(c.members))
	for i, m := range c.members {
		pids[i] = m.Process.Pid
	}
	return pids
}

// Close ends the processes and waits for them. One that had ended before is an error: the crowd was smaller than it
// seemed.
func (c *Crowd) Close() error {
	var errs []error
	for _, m := range c.members {
		errs = append(errs, m.Process.Kill())
	}
	for _, m := range c.members {
		_ = m.Wait() // that it was killed
		if end := m.ProcessState.Sys().(syscall.WaitStatus); !end.Signaled() || end.Signal() != syscall.SIGKILL {
			errs = append(errs, fmt.Errorf("process %d of the crowd had ended: %v", m.Process.Pid, m.ProcessState))
		}
	}
	c.members = nil
	return errors.Join(errs...)
}
