package procfs

import (
	"bytes"
	"fmt"
	"strconv"
)

// Dir is one process, open: its answers are of that process or an error, never of another one that got its number
// later. It is for one goroutine at a time.
type Dir struct {
	fs  FS
	pid int
	d   descriptor
	// seen is where a socket was found last.
	seen struct {
		inode uint64
		name  string
	}
}

// Open opens /proc/PID. The caller closes it. Outside Linux the error is [errors.ErrUnsupported].
func (p FS) Open(pid int) (*Dir, error) {
	d, err := openDescriptor(p.Path(strconv.Itoa(pid)))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return &Dir{fs: p, pid: pid, d: d}, nil
}

// Close gives the descriptor back. Nothing can go wrong: nothing was written.
func (d *Dir) Close() { d.d.close() }

// PID is the process's number.
func (d *Dir) PID() int { return d.pid }

// Holds says whether the process holds the socket with an inode now. It is quick when it was so the last time, and
// otherwise reads all descriptors. The error says that they may not be read, or that the process has ended.
func (d *Dir) Holds(inode uint64) (bool, error) {
	if inode == 0 {
		return false, nil
	}
	target := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	if d.seen.inode == inode && d.d.isSocket(d.seen.name, target) {
		return true, nil
	}
	name, err := d.d.findSocket(target)
	if err != nil {
		return false, fmt.Errorf("descriptors of process %d: %w", d.pid, err)
	}
	d.seen.inode, d.seen.name = inode, name
	return name != "", nil
}

// argumentsMax is how many bytes of a command line are read, as many as the longest single argument has
// (MAX_ARG_STRLEN): a class path may be that long, and the program's name comes after it.
const argumentsMax = 128 << 10

// arguments reads the command line. What a process wrote over it is one argument with spaces, and what is left of the
// old one behind it is zero bytes (setproctitle).
func (d *Dir) arguments() ([]string, error) {
	b, err := d.d.read("cmdline", argumentsMax)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", d.pid, err)
	}
	return splitArguments(b), nil
}

func splitArguments(b []byte) []string {
	b = bytes.TrimSuffix(b, []byte{0})
	if len(b) == 0 {
		return nil
	}
	title, rest, _ := bytes.Cut(b, []byte{0})
	if bytes.ContainsRune(title, ' ') && len(bytes.Trim(rest, "\x00")) == 0 {
		return []string{string(bytes.TrimRight(title, " "))}
	}
	var all []string
	for argument := range bytes.SplitSeq(b, []byte{0}) {
		all = append(all, string(argument))
	}
	return all
}
