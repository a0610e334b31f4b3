package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	lsofProgram = "/usr/sbin/lsof"
	// lsofEvery is how often lsof is started at most, and lsofWithin how long it may take.
	lsofEvery  = time.Second
	lsofWithin = 5 * time.Second
)

// darwin asks lsof for sockets, since the kernel's own interface (libproc) is for programs in C, and the kernel for
// processes.
type darwin struct {
	users *Users
}

func newSearch(c ResolverConfig) (searcher, []string, error) {
	var missing []string
	if _, err := os.Stat(lsofProgram); err != nil {
		missing = append(missing, fmt.Sprintf("no process is found behind connections: %v", err))
	}
	if os.Geteuid() != 0 {
		missing = append(missing, "only this user's own processes are found behind connections; root sees all")
	}
	return newOwnerSearch(c, &darwin{users: c.Users}, lsofEvery), missing, nil
}

// threadTime is the processor time of lsof: of the children that have ended (getrusage(2)).
func threadTime() time.Duration {
	var use unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_CHILDREN, &use)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// owners lists who holds which connection.
func (d *darwin) owners(ctx context.Context) (ownership, error) {
	out, err := lsof(ctx, "-iTCP", "-sTCP:^LISTEN")
	return parseLsof(out), err
}

// lsof runs lsof without look-ups of names (-n, -P) and without warnings (-w). It ends with 1 also when some of what
// was asked for was not there.
func lsof(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lsofWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, lsofProgram, append([]string{"-nPw", "-Fpfn"}, args...)...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (ctx.Err() != nil || !errors.As(err, &exit)) {
		return nil, fmt.Errorf("run %s: %w", lsofProgram, err)
	}
	return out, nil
}

// look asks the kernel (sysctl kern.proc.pid).
func (d *darwin) look(pid int) (*flow.Process, error) {
	k, err := kernelProcess(pid)
	if err != nil {
		return nil, err
	}
	uid := k.Eproc.Ucred.Uid
	return &flow.Process{
		PID: pid, Started: time.Unix(k.Proc.P_starttime.Unix()), Program: kernelName(k), UID: uid, User: d.users.Name(uid),
	}, nil
}

func kernelProcess(pid int) (*unix.KinfoProc, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	if int(k.Proc.P_pid) != pid {
		return nil, fmt.Errorf("process %d: %w", pid, unix.ESRCH)
	}
	return k, nil
}

// kernelName is the executable's name, at most 16 bytes of it (MAXCOMLEN).
func kernelName(k *unix.KinfoProc) string {
	name, _, _ := bytes.Cut(k.Proc.P_comm[:], []byte{0})
	return string(name)
}

// complete adds the executable, by which a name that was cut off becomes whole, and the ancestors. The command line is
// left out: the kernel gives it together with the environment, which is not to be read.
func (d *darwin) complete(ctx context.Context, p *flow.Process) {
	if out, err := lsof(ctx, "-a", "-d", "txt", "-p", strconv.Itoa(p.PID)); err == nil {
		p.Executable.Path = parseLsofText(out, p.PID)
		p.Program = wholeName(p.Program, p.Executable.Path)
	}
	k, err := kernelProcess(p.PID)
	for err == nil && len(p.Parents) < flow.ParentsMax && k.Eproc.Ppid > 0 {
		if k, err = kernelProcess(int(k.Eproc.Ppid)); err == nil {
			p.Parents = append(p.Parents, flow.Ancestor{PID: int(k.Proc.P_pid), Program: kernelName(k)})
		}
	}
}
