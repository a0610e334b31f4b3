package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Bounds of what is read of one process.
const (
	// maxDescriptors is how many descriptors are looked at; one takes about 2 µs. The far ends of a process with more are
	// unknown.
	maxDescriptors = 8192
	// maxCommandLine is more than the names and options that are looked for need.
	maxCommandLine = 16 << 10
	// startSlack is how far two readings of one process's start may be apart: the system's clock is set now and then.
	startSlack = time.Second
)

var (
	errReused  = errors.New("its number is another process's now")
	errApart   = errors.New("it is in another network namespace")
	errTooMany = errors.New("it has too many descriptors")
)

// socketsOf lists the TCP sockets of a process in the calling thread's network namespace.
func socketsOf(ctx context.Context, proc procfs.FS, p *flow.Process) (held, error) {
	dir, err := openProcess(proc, p)
	if err != nil {
		return held{}, err
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	if err := sameNetwork(proc, dir); err != nil {
		return held{}, err
	}
	inodes, err := socketInodes(ctx, dir)
	if err != nil {
		return held{}, fmt.Errorf("list the sockets of process %d: %w", p.PID, err)
	}
	connected, listeners, err := sockdiag.ByInode(inodes)
	if err != nil {
		return held{}, err
	}
	h := held{connected: connected, own: inodes, listeners: map[uint16][]sockdiag.Socket{}}
	for _, l := range listeners {
		h.listeners[l.Local.Port()] = append(h.listeners[l.Local.Port()], l)
	}
	h.datagrams, err = holdsUDP(dir, inodes)
	return h, err
}

// openProcess opens /proc/PID. What is read below it is that one process's: the folder of a process that has ended is
// empty, also when its number is in use again.
func openProcess(proc procfs.FS, p *flow.Process) (*os.Root, error) {
	dir, err := os.OpenRoot(proc.Path(strconv.Itoa(p.PID)))
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", p.PID, err)
	}
	if err := isStill(proc, p); err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("process %d: %w", p.PID, err)
	}
	return dir, nil
}

// isStill says that what has the process's number now is that process.
func isStill(proc procfs.FS, p *flow.Process) error {
	dir, err := proc.Open(p.PID)
	if err != nil {
		return err
	}
	defer dir.Close()
	now, err := dir.Describe(procfs.Options{CommandLine: procfs.CommandLineOff})
	if err != nil {
		return err
	}
	if now.Started.Sub(p.Started).Abs() > startSlack || now.Executable.Path != p.Executable.Path {
		return errReused
	}
	return nil
}

// sameNetwork makes sure that the kernel's list of sockets has those of the process.
func sameNetwork(proc procfs.FS, dir *os.Root) error {
	here, err := os.Readlink(proc.Path("thread-self", "ns", "net"))
	if err != nil {
		return fmt.Errorf("read the own network namespace: %w", err)
	}
	there, err := dir.Readlink("ns/net")
	if err != nil {
		return fmt.Errorf("read a process's network namespace: %w", err)
	}
	if here != there {
		return errApart
	}
	return nil
}

// socketInodes are the inodes of all sockets that a process has open, of whatever kind.
func socketInodes(ctx context.Context, dir *os.Root) (map[uint32]bool, error) {
	fds, err := dir.Open("fd")
	if err != nil {
		return nil, err
	}
	defer fds.Close()
	inodes := map[uint32]bool{}
	for seen := 0; ctx.Err() == nil; {
		names, err := fds.Readdirnames(256)
		if errors.Is(err, io.EOF) {
			return inodes, nil
		}
		if err != nil {
			return nil, err
		}
		if seen += len(names); seen > maxDescriptors {
			return nil, errTooMany
		}
		for _, name := range names {
			link, err := dir.Readlink("fd/" + name)
			if errors.Is(err, os.ErrPermission) {
				return nil, err
			}
			if inode, ok := socketInode(link); ok {
				inodes[inode] = true
			}
		}
	}
	return nil, ctx.Err()
}

// socketInode reads "socket:[4711]".
func socketInode(link string) (uint32, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	n, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 32)
	return uint32(n), ok && err == nil
}

// holdsUDP looks for the inodes in /proc/PID/net/udp and udp6 (proc(5)): the tenth column.
func holdsUDP(dir *os.Root, inodes map[uint32]bool) (bool, error) {
	for _, name := range []string{"net/udp", "net/udp6"} {
		b, err := dir.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // udp6 is missing where there is no IPv6
			return true, fmt.Errorf("list UDP sockets: %w", err)
		}
		for line := range bytes.Lines(b) {
			const inodeColumn = 9
			columns := bytes.Fields(line)
			if len(columns) <= inodeColumn {
				continue
			}
			if n, err := strconv.ParseUint(string(columns[inodeColumn]), 10, 32); err == nil && inodes[uint32(n)] {
				return true, nil
			}
		}
	}
	return false, nil
}

// wordsOf is the command line as the process has it now: what was kept of it is without secrets, cut off, or nothing at
// all, as the configuration says. Only the names of programs and options are looked at here, and nothing is kept.
func wordsOf(proc procfs.FS, p *flow.Process) []string {
	dir, err := openProcess(proc, p)
	if err != nil {
		return fields(p)
	}
	defer dir.Close() //nolint:errcheck // nothing was written
	f, err := dir.Open("cmdline")
	if err != nil {
		return fields(p)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCommandLine))
	if err != nil || len(b) == 0 {
		return fields(p)
	}
	return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
}
