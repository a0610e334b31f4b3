package procfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Scanner reads which sockets processes hold. It keeps its buffers, so that a scan of thousands of descriptors leaves no
// garbage; one goroutine at a time may use it.
type Scanner struct {
	fs      FS
	entries []byte // of getdents64(2)
	link    [64]byte
	pids    []int
}

// Scanner returns a new one.
func (p FS) Scanner() *Scanner { return &Scanner{fs: p, entries: make([]byte, 16<<10)} }

// PIDs lists the processes, newest first as far as their numbers tell: those go up to a limit and then begin again. The
// list is good until the next call.
func (s *Scanner) PIDs() ([]int, error) {
	fd, err := openDir(s.fs.root)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	s.pids = s.pids[:0]
	err = s.list(fd, func(name []byte) error {
		if pid, ok := decimal(name[:len(name)-1]); ok && pid > 0 {
			s.pids = append(s.pids, int(pid))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	newestFirst(s.pids, s.fs.lastPID())
	return s.pids, nil
}

// newestFirst sorts processes, given the number that was given out last: those above it are from the round before. When
// last is not known, 0, the highest number is taken for the newest.
func newestFirst(pids []int, last int) {
	slices.SortFunc(pids, func(a, b int) int {
		if older := last > 0 && a > last; older != (last > 0 && b > last) {
			if older {
				return 1
			}
			return -1
		}
		return b - a
	})
}

// lastPID is the process number that was given out last (/proc/loadavg, proc_loadavg(5)); 0 when unknown.
func (p FS) lastPID() int {
	b, err := os.ReadFile(p.Path("loadavg"))
	words := bytes.Fields(b)
	if err != nil || len(words) == 0 {
		return 0
	}
	last, _ := strconv.Atoi(string(words[len(words)-1])) // 0 when it is none
	return last
}

// Sockets calls each with the inode of every socket that a process has among its descriptors, until it returns false.
// The errors are those of reading a directory: [fs.ErrPermission] when the descriptors may not be read, and
// [fs.ErrNotExist] or ESRCH when the process is gone.
//
// The process is named by its number. Who holds a [Dir] of it, and finds the same stamp before and after, knows that it
// was that process.
func (s *Scanner) Sockets(pid int, each func(inode uint64) bool) error {
	fd, err := openDir(s.fs.root + "/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	err = s.list(fd, func(name []byte) error {
		link, errno := s.readlink(fd, name)
		if errno == unix.EACCES || errno == unix.EPERM {
			return errno // the directory may be listed and its links not be read (CAP_SYS_PTRACE)
		}
		if inode, ok := socketInode(link); ok && !each(inode) {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

var errEnough = errors.New("enough")

func openDir(path string) (int, error) {
	return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// list calls each with the name of every entry of a directory, and the zero byte that ends it, until it fails.
func (s *Scanner) list(fd int, each func(name []byte) error) error {
	const nameOffset = 19 // struct linux_dirent64: inode 8, offset 8, length 2, type 1, name
	for {
		n, err := unix.Getdents(fd, s.entries)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		for b := s.entries[:n]; len(b) > nameOffset; {
			length := int(binary.NativeEndian.Uint16(b[16:]))
			if length <= nameOffset || length > len(b) {
				return errMalformed
			}
			name := b[nameOffset:length]
			name = name[:bytes.IndexByte(name, 0)+1]
			b = b[length:]
			if len(name) < 2 || name[0] == '.' {
				continue
			}
			if err := each(name); err != nil {
				return err
			}
		}
	}
}

// readlink reads a link of the directory fd; name ends with a zero byte. It does not tell Go's scheduler: of a link in
// /proc nothing is waited for.
func (s *Scanner) readlink(fd int, name []byte) ([]byte, unix.Errno) {
	//nolint:gosec // G103: the pointers are used during the call only
	n, _, errno := unix.RawSyscall6(unix.SYS_READLINKAT, uintptr(fd), uintptr(unsafe.Pointer(&name[0])),
		uintptr(unsafe.Pointer(&s.link[0])), uintptr(len(s.link)), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return s.link[:n], 0
}

// socketInode reads "socket:[N]", which a socket's link in /proc/PID/fd says (proc_pid_fd(5)).
func socketInode(link []byte) (uint64, bool) {
	const prefix = "socket:["
	if len(link) < len(prefix)+2 || string(link[:len(prefix)]) != prefix || link[len(link)-1] != ']' {
		return 0, false
	}
	return decimal(link[len(prefix) : len(link)-1])
}

// decimal reads a number of at most 19 digits.
func decimal(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
