//go:build !portable

package lane

import (
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Socket is one connected stream socket, TCP or Unix. It owns its descriptor.
//
// At first it is a plain descriptor and belongs to one goroutine at a time. The first call that may have to wait (Read,
// Write, a deadline, FinishConnect), or the copy lane, joins it to Go's poller. From then on one goroutine may read
// while another writes, and everything else is safe at any time, also after Close, when it answers [os.ErrClosed] or
// the like.
type Socket struct {
	file          *os.File     // once it has joined Go's poller
	fd            atomic.Int32 // -1 when it is closed and had not joined
	marks         atomic.Uint32
	local, remote address
	zones         *[2]string // of local and remote; nil when neither has one
}

// Marks of a socket.
const (
	markShut    = 1 << iota // our direction was closed by CloseWrite
	markInline              // urgent bytes are read in line
	markUntuned             // see Untuned
)

// NewSocket takes over fd, a connected stream socket that is nonblocking and close-on-exec. The addresses are not valid
// for Unix sockets.
func NewSocket(fd int, local, remote netip.AddrPort) *Socket {
	s := &Socket{local: pack(local), remote: pack(remote)}
	if l, r := local.Addr().Zone(), remote.Addr().Zone(); l != "" || r != "" {
		s.zones = &[2]string{l, r}
	}
	s.fd.Store(int32(fd))
	return s
}

// Local is the socket's own address; not valid for Unix sockets.
func (s *Socket) Local() netip.AddrPort { return s.local.unpack(s.zone(0)) }

// Remote is the other end's address; not valid for Unix sockets.
func (s *Socket) Remote() netip.AddrPort { return s.remote.unpack(s.zone(1)) }

func (s *Socket) zone(end int) string {
	if s.zones == nil {
		return ""
	}
	return s.zones[end]
}

// IsUnix says whether this is a Unix socket.
func (s *Socket) IsUnix() bool { return s.remote.bits == 0 }

// UrgentInline says that SO_OOBINLINE is set already: an accepted socket has it from its listener.
func (s *Socket) UrgentInline() { s.marks.Or(markInline) }

// Untuned says that the socket's options for the stream are still to be set ([LocalCongestion], and TCP_NODELAY, tcp(7)).
// The lane sets them, at the latest before the second write: what Nagle's algorithm (RFC 9293, 3.7.4) holds back is a
// small write while an earlier one is not acknowledged, so that a session of one question does without the system calls.
func (s *Socket) Untuned() { s.marks.Or(markUntuned) }

// tune sets what Untuned says is to be set.
func (s *Socket) tune() {
	if s.marks.Load()&markUntuned == 0 {
		return
	}
	s.marks.And(^uint32(markUntuned))
	_ = s.Control(func(fd uintptr) {
		setInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		if s.Remote().Addr().Unmap().IsLoopback() {
			LocalCongestion(int(fd))
		}
	})
}

// LocalCongestion has what a TCP socket sends over loopback controlled by reno, which every kernel has and allows
// everybody (tcp_allowed_congestion_control, tcp(7)). There is nothing to be probed or paced between two sockets of one
// machine: with bbr as the system's default a stream over loopback takes a clock for every few segments, and a third
// more processor time.
func LocalCongestion(fd int) {
	_ = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") // whatever it is, it works
}

// Control calls f with the descriptor, which is valid during the call only.
func (s *Socket) Control(f func(fd uintptr)) error {
	if s.file != nil {
		raw, err := s.file.SyscallConn()
		if err == nil {
			err = raw.Control(f)
		}
		if err == nil {
			return nil
		}
	} else if fd := s.fd.Load(); fd >= 0 {
		f(uintptr(fd))
		return nil
	}
	return fmt.Errorf("descriptor of socket: %w", os.ErrClosed)
}

// CloseWrite sends FIN behind what was written; reading goes on.
func (s *Socket) CloseWrite() error {
	s.marks.Or(markShut) // before the kernel knows, see failure
	var err error
	if cerr := s.Control(func(fd uintptr) { err = shutdown(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// Close closes the socket in order: what was written is still sent. It returns when the descriptor is closed, which
// is when no other goroutine is in one of the socket's methods.
func (s *Socket) Close() error {
	if s.file != nil {
		return s.file.Close()
	}
	fd := s.fd.Swap(-1)
	if fd < 0 {
		return fmt.Errorf("close socket: %w", os.ErrClosed)
	}
	return closeFD(int(fd))
}

// Reset closes the socket so that the other end sees a reset (SO_LINGER 0, socket(7)); what was not sent is dropped.
// Unix sockets have no reset: the other end of one sees the end of the stream, or a reset when we had not read
// everything.
func (s *Socket) Reset() error {
	_ = s.Control(func(fd uintptr) { _ = setLinger(int(fd)) })
	return s.Close()
}

// Unsent is how many written bytes the other end's kernel has not acknowledged (SIOCOUTQ, tcp(7)).
func (s *Socket) Unsent() (int, error) { return s.queue(unix.SIOCOUTQ) }

// Unread is how many received bytes nobody has read (SIOCINQ, tcp(7)).
func (s *Socket) Unread() (int, error) { return s.queue(unix.SIOCINQ) }

func (s *Socket) queue(request uint) (n int, err error) {
	cerr := s.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), request) })
	if cerr != nil {
		return 0, cerr
	}
	return n, err
}

// TCPInfo is what the kernel knows of the connection; nil for Unix sockets and when it cannot be had.
func (s *Socket) TCPInfo() *flow.TCPInfo {
	if s.IsUnix() {
		return nil
	}
	var info *unix.TCPInfo
	err := s.Control(func(fd uintptr) { info, _ = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	if err != nil || info == nil {
		return nil
	}
	unsent, _ := s.Unsent()
	unread, _ := s.Unread()
	return &flow.TCPInfo{
		RTT:         time.Duration(info.Rtt) * time.Microsecond,
		Retransmits: info.Total_retrans,
		Unsent:      uint32(max(unsent, 0)),
		Unread:      uint32(max(unread, 0)),
	}
}

// inlineUrgent has urgent bytes read where they stand in the stream (SO_OOBINLINE, socket(7)); without it the kernel
// leaves them out of what read returns.
func (s *Socket) inlineUrgent() {
	if s.marks.Or(markInline)&markInline != 0 {
		return
	}
	_ = s.Control(func(fd uintptr) { setInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
}

// failure is the error of a connection that is gone; nil while it stands, also after a FIN. It does not read, so it
// tells while unread bytes are waiting. The kernel tells an error once, to whoever asks first.
func (s *Socket) failure() error {
	var err error
	cerr := s.Control(func(fd uintptr) { err = s.failureOf(int(fd)) })
	if cerr != nil {
		return cerr
	}
	return err
}

func (s *Socket) failureOf(fd int) error {
	p := []unix.PollFd{{Fd: int32(fd)}}
	if _, err := unix.Poll(p, 0); err != nil {
		return nil // interrupted: nothing is known
	}
	return s.failureIn(fd, uint32(p[0].Revents))
}

// failureIn is failureOf when what poll or epoll says of the descriptor is known.
func (s *Socket) failureIn(fd int, events uint32) error {
	if events&unix.EPOLLERR != 0 {
		if no, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && no != 0 {
			return syscall.Errno(no)
		}
	}
	// TCP hangs up when both directions are closed. If we have not closed ours, the connection was torn down, and a
	// write was told so. A Unix socket hangs up when the other end closes in order.
	if events&unix.EPOLLHUP != 0 && !s.IsUnix() && s.marks.Load()&markShut == 0 {
		return unix.ECONNRESET
	}
	return nil
}
