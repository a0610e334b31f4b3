package procfs

import "fmt"

// Process is a process in short.
type Process struct {
	PID, PPID int
	// Program is what a person calls it, as in [flow.Process]. It may hold any character.
	Program string
	// UID is the effective user.
	UID uint32
}

// Process reads what a process is called.
func (p FS) Process(pid int) (Process, error) {
	d, err := p.Open(pid)
	if err != nil {
		return Process{}, err
	}
	defer d.Close()
	f, err := d.face()
	if err != nil {
		return Process{}, err
	}
	dir, err := d.d.stat("")
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	args, _ := d.arguments()
	return Process{PID: pid, PPID: f.ppid, UID: dir.owner, Program: d.program(f.exe, f.comm, args)}, nil
}
