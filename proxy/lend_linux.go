package proxy

import (
	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// lend is a copy of a lead for one search, which closes what it is given: it has a descriptor of its own. When there is
// none left to be had, the search that somebody waits for gets the lead's.
func lend(lead *flow.Lead) flow.Lead {
	lent := *lead
	if lead.PIDFD == 0 {
		return lent
	}
	fd, err := unix.FcntlInt(uintptr(lead.PIDFD), unix.F_DUPFD_CLOEXEC, 1) // 0 means unknown to a Lead
	if err != nil {
		lead.PIDFD = 0
		return lent
	}
	lent.PIDFD = fd
	return lent
}
