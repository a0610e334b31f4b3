//go:build !linux

package lane

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Socket is one connected stream socket, TCP or Unix.
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

// Close closes the socket in order: what was written is still sent.
func (s *Socket) Close() error { return s.conn.Close() }

// Reset closes the socket so that the other end sees a reset; what was not sent is dropped.
func (s *Socket) Reset() error {
	if l, ok := s.conn.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0)
	}
	return s.Close()
}
