package peer

import (
	"math"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// identifyUnix tells who is at the other end of a Unix socket: the kernel kept it at connect (SO_PEERCRED, unix(7)). Who
// has that end now can be found by its inode, also where the kernel has no descriptor of who connected.
func (id *Identifier) identifyUnix(s *lane.Socket) (p flow.Peer, o flow.Origin, l flow.Lead) {
	p = flow.Peer{Zone: flow.ZoneUnix, Proof: flow.ProofUnix}
	_ = s.Control(func(fd uintptr) { // fails on a closed socket only
		if sa, err := unix.Getsockname(int(fd)); err == nil {
			if local, ok := sa.(*unix.SockaddrUnix); ok {
				p.Path = local.Name
			}
		}
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			return
		}
		o = id.owner(evidence{uid: cred.Uid, uidKnown: int64(cred.Uid) != id.hidden})
		o.PID, l.PID = int(cred.Pid), int(cred.Pid)
		if l.PID > 0 { // a process of a PID namespace that is not below ours has no number here
			l.PIDFD = id.pidfd(int(fd))
		}
		l.Inode = id.clientInode(int(fd))
	})
	return p, o, l
}

// clientInode is the inode of the client's end of an accepted Unix socket; 0 when unknown. That end cannot be connected
// again, so that it is the client's as long as there is one.
func (id *Identifier) clientInode(fd int) uint64 {
	var own unix.Stat_t
	if id.sockets == nil || unix.Fstat(fd, &own) != nil || own.Ino > math.MaxUint32 {
		return 0
	}
	inode, err := id.sockets.UnixPeer(uint32(own.Ino))
	if err != nil {
		return 0
	}
	return uint64(inode)
}

// peerPIDFD is a descriptor of the process that connected (SO_PEERPIDFD, Linux 6.5), closed on exec, or 0: the kernel has
// none of a process that is gone. Unlike a number it never comes to mean another process.
func peerPIDFD(fd int) int {
	pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	if err != nil || pidfd < 0 {
		return 0
	}
	if pidfd == 0 { // a process without standard input; 0 means unknown to a Lead
		_ = unix.Close(pidfd)
		return 0
	}
	return pidfd
}
