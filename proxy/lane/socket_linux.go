package lane

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Socket is one connected stream socket, TCP or Unix. It owns its descriptor.
type Socket struct {
	file          *os.File
	local, remote netip.AddrPort
}

// NewSocket takes over fd, a connected stream socket that is nonblocking and close-on-exec. The addresses are not valid
// for Unix sockets.
func NewSocket(fd int, local, remote netip.AddrPort) *Socket {
	return &Socket{file: os.NewFile(uintptr(fd), "socket"), local: local, remote: remote}
}

// Local is the socket's own address; not valid for Unix sockets.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Remote is the other end's address; not valid for Unix sockets.
func (s *Socket) Remote() netip.AddrPort { return s.remote }

// IsUnix says whether this is a Unix socket.
func (s *Socket) IsUnix() bool { return !s.remote.IsValid() }

// Control calls f with the descriptor, which is valid during the call only.
func (s *Socket) Control(f func(fd uintptr)) error {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("descriptor of socket: %w", err)
	}
	return raw.Control(f)
}

// Close closes the socket in order: what was written is still sent.
func (s *Socket) Close() error { return s.file.Close() }

// Reset closes the socket so that the other end sees a reset (SO_LINGER 0, socket(7)); what was not sent is dropped.
func (s *Socket) Reset() error {
	_ = s.Control(func(fd uintptr) {
		_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	})
	return s.Close()
}
