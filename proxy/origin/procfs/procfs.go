// Package procfs finds the processes that hold a socket, by reading /proc (proc(5)).
package procfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// The answers when no process was found.
var (
	// ErrNotFound says that every process was looked at, and none holds the socket.
	ErrNotFound = errors.New("no process holds the socket")
	// ErrNotPermitted says that there are processes whose descriptors may not be read: the holder may be among them.
	ErrNotPermitted = errors.New("the descriptors of other users' processes may not be read")
)

// FS is a proc filesystem.
type FS struct {
	root string
}

// New returns the proc filesystem that is mounted at root; empty is /proc.
func New(root string) FS {
	if root == "" {
		root = "/proc"
	}
	return FS{root: root}
}

// Path is the name of a file below the root.
func (p FS) Path(elements ...string) string {
	return filepath.Join(append([]string{p.root}, elements...)...)
}

// Holders returns the processes that hold the socket with an inode, newest first. A socket may have several: a server
// and the workers that inherited it.
//
// It reads all descriptors of all processes, tens of milliseconds on a busy machine. When ctx is over it returns its
// error and the holders that were found so far. The other errors are [ErrNotFound] and [ErrNotPermitted].
func (p FS) Holders(ctx context.Context, inode uint64) ([]Process, error) {
	if inode == 0 {
		return nil, ErrNotFound
	}
	pids, err := p.pids()
	if err != nil {
		return nil, err
	}
	target := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	var found []Process
	denied := false
	for _, pid := range pids {
		if ctx.Err() != nil {
			return found, fmt.Errorf("look for the process that holds a socket: %w", ctx.Err())
		}
		switch holds, err := p.holds(ctx, pid, target); {
		case holds:
			if process, err := p.Process(pid); err == nil { // else it is gone
				found = append(found, process)
			}
		case errors.Is(err, fs.ErrPermission):
			denied = true
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case denied:
		return nil, ErrNotPermitted
	default:
		return nil, ErrNotFound
	}
}

// pids lists the processes, highest number first: numbers grow until they wrap, so that is nearly always the newest.
func (p FS) pids() ([]int, error) {
	dir, err := os.Open(p.root)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.SortFunc(pids, func(a, b int) int { return b - a })
	return pids, nil
}

// holds says whether a process has target among its descriptors. A process may have millions of them, so that they are
// read in parts.
func (p FS) holds(ctx context.Context, pid int, target string) (bool, error) {
	path := p.Path(strconv.Itoa(pid), "fd")
	dir, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	for ctx.Err() == nil {
		names, err := dir.Readdirnames(256)
		if len(names) == 0 {
			return false, err
		}
		for _, name := range names {
			link, err := os.Readlink(path + "/" + name)
			if errors.Is(err, fs.ErrPermission) {
				return false, err // /proc/PID/fd may be listed and its links not be read (CAP_SYS_PTRACE)
			}
			if link == target {
				return true, nil
			}
		}
	}
	return false, ctx.Err()
}
