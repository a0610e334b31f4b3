//go:build !linux || portable

// The portable form. `go test -tags portable ./proxy/lane/...` tests it on Linux.

package lane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Socket is one connected stream socket, TCP or Unix. One goroutine may read while another writes; everything else is
// safe at any time, also after Close.
type Socket struct {
	conn          net.Conn
	local, remote netip.AddrPort
}

// NewSocket takes over c, a *net.TCPConn or *net.UnixConn.
func NewSocket(c net.Conn) *Socket {
	s := &Socket{conn: c}
	if l, ok := c.LocalAddr().(*net.TCPAddr); ok {
		s.local = l.AddrPort()
	}
	if r, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		s.remote = r.AddrPort()
	}
	return s
}

// Local is the socket's own address; not valid for Unix sockets.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Remote is the other end's address; not valid for Unix sockets.
func (s *Socket) Remote() netip.AddrPort { return s.remote }

// IsUnix says whether this is a Unix socket.
func (s *Socket) IsUnix() bool { return !s.remote.IsValid() }

// Control calls f with the descriptor, which is valid during the call only.
func (s *Socket) Control(f func(fd uintptr)) error {
	sc, ok := s.conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no descriptor", s.conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return fmt.Errorf("descriptor of socket: %w", err)
	}
	return raw.Control(f)
}

// Read reads what is there, or waits for it; the error is io.EOF after the other end's FIN.
func (s *Socket) Read(b []byte) (int, error) { return s.conn.Read(b) }

// Write writes all of b, or says why not.
func (s *Socket) Write(b []byte) (int, error) { return s.conn.Write(b) }

// writeNow writes all of b. Here it may have to wait.
func (s *Socket) writeNow(b []byte) error {
	_, err := s.conn.Write(b)
	return err
}

// SetDeadline ends waiting reads and writes at t with os.ErrDeadlineExceeded; the zero time is never.
func (s *Socket) SetDeadline(t time.Time) error { return s.conn.SetDeadline(t) }

// SetReadDeadline is SetDeadline for reads.
func (s *Socket) SetReadDeadline(t time.Time) error { return s.conn.SetReadDeadline(t) }

// SetWriteDeadline is SetDeadline for writes.
func (s *Socket) SetWriteDeadline(t time.Time) error { return s.conn.SetWriteDeadline(t) }

// CloseWrite sends FIN behind what was written; reading goes on.
func (s *Socket) CloseWrite() error {
	if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return fmt.Errorf("close one direction of %T: %w", s.conn, errors.ErrUnsupported)
}

// Close closes the socket in order: what was written is still sent.
func (s *Socket) Close() error { return s.conn.Close() }

// Reset closes the socket so that the other end sees a reset; what was not sent is dropped.
func (s *Socket) Reset() error {
	if l, ok := s.conn.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	return s.Close()
}

// Unsent is how many written bytes the other end has not acknowledged: not known here.
func (s *Socket) Unsent() (int, error) { return 0, errors.ErrUnsupported }

// Unread is how many received bytes nobody has read: not known here.
func (s *Socket) Unread() (int, error) { return 0, errors.ErrUnsupported }

// TCPInfo is nil here.
func (s *Socket) TCPInfo() *flow.TCPInfo { return nil }

func (s *Socket) inlineUrgent() {}

func (s *Socket) tune() {} // Go's net package has set TCP_NODELAY

// failure cannot be told here without reading.
func (s *Socket) failure() error { return nil }
