package procfs

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Stamp is what a process is at a moment. Two of the same Dir, or of two for the same number, are equal as long as it is
// the same process, runs the same program with the same arguments under the same name, as the same user, and is the child
// of the same parent in the same session at the same terminal. Stamps are compared with ==.
type Stamp struct {
	stat  stat
	owner uint32
	exe   flow.Executable
	line  [sha256.Size]byte // the command line
}

// Began is when the process began, in ticks since the system did: with its number that names it.
func (s *Stamp) Began() uint64 { return s.stat.start }

// Stamp reads what tells whether a process is still what it was: the start time tells processes with the same number
// apart, the rest programs in the same process (execve(2) changes neither the number nor the start time, but the place of
// the stack).
func (d *Dir) Stamp() (Stamp, error) {
	f, err := d.face()
	if err != nil {
		return Stamp{}, err
	}
	line, errLine := d.d.read("cmdline", argumentsMax)
	dir, errDir := d.d.stat("")
	if err := errors.Join(errLine, errDir); err != nil {
		return Stamp{}, fmt.Errorf("process %d: %w", d.pid, err)
	}
	return Stamp{stat: f.stat, owner: dir.owner, exe: d.executable(f.exe), line: sha256.Sum256(line)}, nil
}

// Setting is where a process is at a moment: its folder, its control group, its mount namespace, and who its ancestors are.
// As long as it and the stamp are equal a description of before is true; of mounts only those are meant that were there
// when the program began, and of ancestors the names that the kernel knows them by, not the titles that they give
// themselves. Settings are compared with ==.
type Setting [sha256.Size]byte

// Setting reads what a process with a stamp may change without becoming another: all of that it can do at any moment, and
// what may not be read stays out.
func (d *Dir) Setting(s Stamp) Setting {
	cgroups, _ := d.d.read("cgroup", cgroupsMax)
	folder, _ := d.d.link("cwd")
	mounts, _ := d.d.link("ns/mnt")
	b := cgroups
	for _, text := range []string{folder, mounts} {
		b = append(append(b, 0), text...)
	}
	return sha256.Sum256(d.fs.appendLineage(b, s.stat.ppid))
}

// appendLineage adds what tells ancestors apart, from a parent on.
func (p FS) appendLineage(b []byte, ppid int) []byte {
	for n := 0; ppid > 0 && n < flow.ParentsMax; n++ {
		st, err := p.stat(ppid)
		if err != nil {
			break
		}
		b = append(append(b, 0), st.comm...)
		for _, v := range []uint64{uint64(ppid), st.start, st.stack} {
			b = binary.NativeEndian.AppendUint64(b, v)
		}
		ppid = st.ppid
	}
	return b
}

// stat reads a process by its number. It may be another one from one call to the next: the start time tells.
func (p FS) stat(pid int) (stat, error) {
	b, err := here.read(p.Path(strconv.Itoa(pid), "stat"), statMax)
	if err != nil {
		return stat{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return parseStat(b)
}
