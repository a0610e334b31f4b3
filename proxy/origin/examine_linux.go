package origin

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// examine describes a process and fills held with what it holds of the wanted sockets; nil when it is gone, or changes
// too fast. It was the same process, running the same program, before and after its descriptors were read.
func (s *search) examine(pid int) *holder {
	dir, err := s.fs.Open(pid)
	if err != nil {
		s.processes.forget(pid)
		return nil
	}
	defer dir.Close()
	h := s.describe(dir, func() error {
		s.held = s.held[:0]
		return s.scanner.Sockets(pid, func(inode uint64) bool {
			if s.wanted[inode] != nil {
				s.held = append(s.held, inode)
			}
			return true
		})
	})
	if h != nil && len(s.held) > 0 {
		s.processes.found(h)
	}
	return h
}

// describe finds out what a process is, and does something while it is just that; nil when that fails.
func (s *search) describe(dir *procfs.Dir, during func() error) *holder {
	const attempts = 3
	for range attempts {
		before, err := dir.Stamp()
		if err != nil {
			return nil
		}
		h := s.recall(dir, before)
		if h == nil || during() != nil {
			return nil
		}
		if after, err := dir.Stamp(); err == nil && after == before {
			return h
		}
	}
	return nil
}

// recall is the process with a stamp as it was described before, if that is still true, or else described anew; nil when
// that fails. A process that only went elsewhere is believed to hold its sockets alone as long as it was before.
func (s *search) recall(dir *procfs.Dir, stamp procfs.Stamp) *holder {
	setting := dir.Setting(stamp)
	last := s.processes.get(dir.PID(), stamp)
	if last != nil && last.setting == setting {
		return last
	}
	process, err := dir.Describe(s.options)
	if err != nil {
		return nil
	}
	process.User = s.users.Name(process.UID)
	h := &holder{process: process, stamp: stamp, setting: setting}
	if last != nil {
		h.alone = last.alone
	}
	return h
}

// meet looks at who connected to a Unix socket: that is known then, whoever is found to hold it. While the process that
// the descriptor is of has not ended its number is its own, and the directory that was opened by that number before, too.
func (s *search) meet(ctx context.Context, k *seek) {
	dir, err := s.fs.Open(k.lead.PID)
	if err != nil {
		return
	}
	defer dir.Close()
	if !lives(k.lead.PIDFD) {
		return
	}
	h := s.describe(dir, func() error { return nil })
	if h == nil {
		return
	}
	s.processes.found(h)
	first := k.connected == nil
	k.connected = h
	k.known = s.origin(ctx, k, []*holder{h})
	if first && k.lead.Inode != 0 {
		k.by.Met(k.known)
	}
}

// lives says whether the process of a descriptor has not ended (pidfd_open(2)).
func lives(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && n == 0
		}
	}
}
