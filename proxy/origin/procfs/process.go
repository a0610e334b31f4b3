package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is what /proc says about a process.
type Process struct {
	PID, PPID int
	// Program is what a person calls it: the name that it was started by (a script's, not its interpreter's), or that it
	// gave itself. It may hold any character.
	Program string
	// UID is the effective user.
	UID uint32
}

// commLen is how much of a name the kernel keeps (TASK_COMM_LEN without the terminating zero).
const commLen = 15

var errMalformed = errors.New("malformed")

// Process reads /proc/PID.
func (p FS) Process(pid int) (Process, error) {
	dir := p.Path(strconv.Itoa(pid))
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	process, err := parseStatus(status)
	if err != nil {
		return Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	process.PID = pid
	comm, err := os.ReadFile(dir + "/comm") // status has it too, but with escapes
	if err == nil {
		process.Program = strings.TrimSuffix(string(comm), "\n")
	}
	if len(process.Program) == 0 || len(process.Program) >= commLen {
		exe, _ := os.Readlink(dir + "/exe") // not readable for other users' processes
		process.Program = complete(process.Program, exe)
	}
	return process, nil
}

// complete makes a name that was cut off whole, when the executable's name begins with it.
func complete(comm, exe string) string {
	if exe == "" {
		return comm
	}
	base := filepath.Base(strings.TrimSuffix(exe, " (deleted)"))
	if strings.HasPrefix(base, comm) {
		return base
	}
	return comm
}

// parseStatus reads what is needed of /proc/PID/status.
func parseStatus(b []byte) (p Process, err error) {
	ppid, errParent := number(field(b, "PPid:"), 0)
	uid, errUser := number(field(b, "Uid:"), 1) // real, effective, saved, filesystem
	if err := errors.Join(errParent, errUser); err != nil {
		return Process{}, err
	}
	p.PPID, p.UID = int(ppid), uid
	return p, nil
}

// field is what follows name at the beginning of a line.
func field(b []byte, name string) []byte {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			return rest
		}
	}
	return nil
}

// number is the n-th of the numbers in b.
func number(b []byte, n int) (uint32, error) {
	words := bytes.Fields(b)
	if n >= len(words) {
		return 0, fmt.Errorf("status: %w", errMalformed)
	}
	v, err := strconv.ParseUint(string(words[n]), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("status: %w: %w", errMalformed, err)
	}
	return uint32(v), nil
}
