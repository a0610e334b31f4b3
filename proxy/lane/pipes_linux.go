//go:build !portable

package lane

import "golang.org/x/sys/unix"

// pipe carries spliced bytes inside the kernel.
type pipe struct {
	r, w int
	held int // bytes in it
	// shown are those of them, at its front, that a tap was told of.
	shown int
}

const (
	pipeSize = 1 << 20 // asked for (F_SETPIPE_SZ, fcntl(2)); without the right to it, the default works too
	maxPipes = 16      // that a loop keeps when nobody uses them
)

// pipes lend pipes to one loop. The zero value is ready.
type pipes struct{ free []*pipe }

// get returns an empty pipe; nil when none can be had, for want of descriptors.
func (ps *pipes) get() *pipe {
	if last := len(ps.free) - 1; last >= 0 {
		p := ps.free[last]
		ps.free = ps.free[:last]
		return p
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		return nil
	}
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, pipeSize)
	return &pipe{r: fds[0], w: fds[1]}
}

// put takes a pipe back; one that is not empty is of no more use.
func (ps *pipes) put(p *pipe) {
	if p.held > 0 || len(ps.free) >= maxPipes {
		p.close()
		return
	}
	ps.free = append(ps.free, p)
}

func (ps *pipes) close() {
	for _, p := range ps.free {
		p.close()
	}
	ps.free = nil
}

func (p *pipe) close() {
	_ = closeFD(p.r)
	_ = closeFD(p.w)
}
