package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// descriptor is an open directory /proc/PID. All names are looked up from it, so that the answers are of one process:
// when that has ended they are ENOENT or ESRCH, also when another process has got its number.
type descriptor int

// here is what names are looked up from that are of no process in particular.
const here = descriptor(unix.AT_FDCWD)

func openDescriptor(path string) (descriptor, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	return descriptor(fd), err
}

func (d descriptor) close() { _ = unix.Close(int(d)) }

// read returns a file's first bytes, at most limit.
func (d descriptor) read(name string, limit int) ([]byte, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer descriptor(fd).close()
	var short [4096]byte // most files fit
	b := short[:min(limit, len(short))]
	for n := 0; ; {
		got, err := unix.Read(fd, b[n:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		}
		n += got
		if got == 0 || n == limit {
			return bytes.Clone(b[:n]), nil
		}
		if n == len(b) {
			b = append(b[:n:n], make([]byte, min(3*n, limit-n))...)
		}
	}
}

// open opens a file to be read.
func (d descriptor) open(name string) (*os.File, error) {
	fd, err := unix.Openat(int(d), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// link reads a symbolic link.
func (d descriptor) link(name string) (string, error) {
	var short [128]byte
	for b := short[:]; ; b = make([]byte, 8*len(b)) {
		n, err := unix.Readlinkat(int(d), name, b)
		if err != nil {
			return "", err
		}
		if n < len(b) {
			return string(b[:n]), nil
		}
	}
}

// file is what names a file, and whom it belongs to.
type file struct {
	device, inode uint64
	owner         uint32
}

// stat looks at a file, through links; the empty name is the directory itself.
func (d descriptor) stat(name string) (file, error) {
	var st unix.Stat_t
	flags := 0
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	if err := unix.Fstatat(int(d), name, &st, flags); err != nil {
		return file{}, err
	}
	return file{device: st.Dev, inode: st.Ino, owner: st.Uid}, nil
}

// findSocket returns the name below fd of a descriptor that is target, "socket:[N]", empty when there is none. A process
// may have millions of descriptors, so that they are read in parts.
func (d descriptor) findSocket(target string) (string, error) {
	fd, err := unix.Openat(int(d), "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer descriptor(fd).close()
	buf, names := make([]byte, 8192), make([]string, 0, 256)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil || n <= 0 {
			return "", err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names[:0])
		for _, name := range names {
			switch is, err := linkIs(fd, name, target); {
			case is:
				return "fd/" + name, nil
			case errors.Is(err, os.ErrPermission):
				return "", err // the folder may be listed and its links not be read (CAP_SYS_PTRACE)
			}
		}
	}
}

func (d descriptor) isSocket(name, target string) bool {
	is, _ := linkIs(int(d), name, target)
	return is
}

// linkIs says whether a link is target.
func linkIs(fd int, name, target string) (bool, error) {
	var b [64]byte // longer than any "socket:[N]"
	n, err := unix.Readlinkat(fd, name, b[:])
	return err == nil && string(b[:n]) == target, err
}

// sinceBoot is the time since the system has started, with the time that it slept (clock_gettime(2)).
func sinceBoot() (nanoseconds int64, err error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the clock since boot: %w", err)
	}
	return ts.Nano(), nil
}
