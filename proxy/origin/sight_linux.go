package origin

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// sight is whose processes' descriptors may be read.
type sight struct {
	all bool
	uid uint32
}

// newSight asks what the calling thread may do. To list another user's /proc/PID/fd takes CAP_DAC_READ_SEARCH or
// CAP_DAC_OVERRIDE, since the folder is its owner's alone, and to read what a descriptor is takes CAP_SYS_PTRACE (ptrace(2),
// PTRACE_MODE_READ_FSCREDS): one without the other is of no use.
func newSight() sight {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	s := sight{uid: uint32(os.Geteuid())}
	if unix.Capget(&header, &data[0]) == nil {
		has := func(capability uint) bool { return data[0].Effective&(1<<capability) != 0 }
		s.all = has(unix.CAP_SYS_PTRACE) && (has(unix.CAP_DAC_READ_SEARCH) || has(unix.CAP_DAC_OVERRIDE))
	}
	return s
}

// reaches says whether the process behind a user's socket can be found. A socket mostly belongs to the user of the
// process that has it.
func (s sight) reaches(uid uint32) bool { return s.all || s.uid == uid }

// missing tells what is not allowed, what follows, and how to get it.
func (s *search) missing() (lines []string) {
	if _, err := s.scanner.PIDs(); err != nil {
		lines = append(lines, fmt.Sprintf("processes cannot be read (%v): of connections only the user is known; mount proc(5)", err))
	}
	if !newSight().all {
		lines = append(lines, "the descriptors of other users' processes may not be read: of their connections only the user "+
			"is known; run lodoor as the same user, or give it CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH (setcap "+
			"cap_sys_ptrace,cap_dac_read_search+ep, or AmbientCapabilities= of its systemd unit)")
	}
	return lines
}
