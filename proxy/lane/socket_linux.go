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

// Socket is one connected stream socket, TCP or Unix. It owns its descriptor. One goroutine may read while another
// writes; everything else is safe at any time, also after Close, when it answers [os.ErrClosed] or the like.
type Socket struct {
	file          *os.File
	raw           syscall.RawConn
	local, remote netip.AddrPort
	shut          atomic.Bool // our direction was closed by CloseWrite
}

// NewSocket takes over fd, a connected stream socket that is nonblocking and close-on-exec. The addresses are not valid
// for Unix sockets.
func NewSocket(fd int, local, remote netip.AddrPort) *Socket {
	file := os.NewFile(uintptr(fd), "socket")
	raw, _ := file.SyscallConn() // fails for a nil file only
	return &Socket{file: file, raw: raw, local: local, remote: remote}
}

// Local is the socket's own address; not valid for Unix sockets.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Remote is the other end's address; not valid for Unix sockets.
func (s *Socket) Remote() netip.AddrPort { return s.remote }

// IsUnix says whether this is a Unix socket.
func (s *Socket) IsUnix() bool { return !s.remote.IsValid() }

// Control calls f with the descriptor, which is valid during the call only.
func (s *Socket) Control(f func(fd uintptr)) error {
	if err := s.raw.Control(f); err != nil {
		return fmt.Errorf("descriptor of socket: %w", err)
	}
	return nil
}

// Read reads what is there, or waits for it; the error is io.EOF after the other end's FIN.
func (s *Socket) Read(b []byte) (int, error) { return s.file.Read(b) }

// Write writes all of b, or says why not.
func (s *Socket) Write(b []byte) (int, error) { return s.file.Write(b) }

// SetDeadline ends waiting reads and writes at t with [os.ErrDeadlineExceeded]; the zero time is never.
func (s *Socket) SetDeadline(t time.Time) error { return s.file.SetDeadline(t) }

// SetReadDeadline is SetDeadline for reads.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.file.SetReadDeadline(t) }

// SetWriteDeadline is SetDeadline for writes.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.file.SetWriteDeadline(t) }

// CloseWrite sends FIN behind what was written; reading goes on.
func (s *Socket) CloseWrite() error {
	s.shut.Store(true) // before the kernel knows, see failure
	var err error
	if cerr := s.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_WR) }); cerr != nil {
		return cerr
	}
	return err
}

// Close closes the socket in order: what was written is still sent. It returns when the descriptor is closed, which
// is when no other goroutine is in one of the socket's methods.
func (s *Socket) Close() error { return s.file.Close() }

// Reset closes the socket so that the other end sees a reset (SO_LINGER 0, socket(7)); what was not sent is dropped.
// Unix sockets have no reset: the other end of one sees the end of the stream, or a reset when we had not read
// everything.
func (s *Socket) Reset() error {
	_ = s.Control(func(fd uintptr) {
		_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
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
	_ = s.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) })
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
	if p[0].Revents&unix.POLLERR != 0 {
		if no, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && no != 0 {
			return syscall.Errno(no)
		}
	}
	// TCP hangs up when both directions are closed. If we have not closed ours, the connection was torn down, and a
	// write was told so. A Unix socket hangs up when the other end closes in order.
	if p[0].Revents&unix.POLLHUP != 0 && !s.IsUnix() && !s.shut.Load() {
		return unix.ECONNRESET
	}
	return nil
}
