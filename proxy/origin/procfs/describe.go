package procfs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Options are what is told of a process.
type Options struct {
	CommandLine CommandLine
}

var errTurning = errors.New("it turns into another program while it is read")

// Describe reads all that is known of the process. What may not be read (of another user's process: the executable, the
// folder and the mounts) has its zero value; User is always the caller's to find. The error is that the process has
// ended, or turns into another program each time that it is read.
func (d *Dir) Describe(o Options) (*flow.Process, error) {
	const attempts = 3
	for attempt := range attempts {
		before, err := d.face()
		if err != nil {
			return nil, err
		}
		process, empty, err := d.describe(before, o)
		if err != nil {
			return nil, err
		}
		// Between fork and exec it is its parent's copy: what was read then must not be mixed with what came after.
		after, err := d.face()
		if err != nil {
			return nil, err
		}
		// A program has an empty command line for a moment after exec; few ever make theirs empty. (The kernel's own
		// processes have none, and are read as often: whether there is an executable is not for everybody to see.)
		unfinished := empty && attempt < attempts-1
		if after == before && !unfinished {
			return process, nil
		}
	}
	return nil, fmt.Errorf("process %d: %w", d.pid, errTurning)
}

// face is what a process is called by and what it runs.
type face struct {
	stat
	exe string
}

func (d *Dir) face() (face, error) {
	st, err := d.stat()
	exe, _ := d.d.link("exe") // not readable for other users' processes, and not there for the kernel's own
	return face{st, exe}, err
}

// describe reads a process with a face; empty says that it has no command line.
func (d *Dir) describe(f face, o Options) (p *flow.Process, empty bool, err error) {
	args, err := d.arguments()
	if err != nil {
		return nil, false, err
	}
	dir, err := d.d.stat("")
	if err != nil {
		return nil, false, fmt.Errorf("process %d: %w", d.pid, err)
	}
	// The directory belongs to the effective user, whatever its files do (task_dump_owner in fs/proc/base.c).
	p = &flow.Process{PID: d.pid, UID: dir.owner, Session: f.session, TTY: terminal(f.tty)}
	p.Started = started(f.start)
	p.Executable = d.executable(f.exe)
	p.Program = d.program(p.Executable.Path, f.comm, args)
	p.CommandLine = o.CommandLine.line(p.Executable.Path, args)
	p.WorkingDirectory, _ = d.d.link("cwd")
	p.Parents = d.fs.ancestors(d, f.ppid)
	p.Cgroup, p.Container, p.Unit = d.place()
	return p, len(args) == 0, nil
}

// started is the moment that is so many ticks after the system's start.
func started(start uint64) time.Time {
	up, err := sinceBoot()
	if err != nil {
		return time.Time{}
	}
	const tick = time.Second / ticks
	return time.Now().Round(0).Add(time.Duration(start)*tick - time.Duration(up)).Truncate(tick)
}

// executable looks at the file that runs. The kernel writes " (deleted)" behind the path of a file that is gone; a file
// may be called so, too.
func (d *Dir) executable(link string) flow.Executable {
	if link == "" {
		return flow.Executable{}
	}
	e := flow.Executable{Path: link}
	f, err := d.d.stat("exe")
	if err == nil {
		e.Device, e.Inode = f.device, f.inode
	}
	if path, cut := strings.CutSuffix(link, " (deleted)"); cut {
		named, errNamed := d.d.stat("root" + link)
		if err != nil || errNamed != nil || named.device != f.device || named.inode != f.inode {
			e.Path, e.Deleted = path, true
		}
	}
	return e
}
