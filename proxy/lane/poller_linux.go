//go:build !portable

package lane

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// joined is the socket in Go's poller, which it joins at the first call.
func (s *Socket) joined() (*os.File, error) {
	if s.file == nil {
		fd := s.fd.Load()
		if fd < 0 {
			return nil, os.ErrClosed
		}
		s.file = os.NewFile(uintptr(fd), "socket")
	}
	return s.file, nil
}

// waiter is how the copy lane waits for the socket.
func (s *Socket) waiter() (syscall.RawConn, error) {
	f, err := s.joined()
	if err != nil {
		return nil, fmt.Errorf("descriptor of socket: %w", err)
	}
	return f.SyscallConn()
}

// Read reads what is there, or waits for it; the error is io.EOF after the other end's FIN.
func (s *Socket) Read(b []byte) (int, error) {
	f, err := s.joined()
	if err != nil {
		return 0, err
	}
	return f.Read(b)
}

// Write writes all of b, or says why not.
func (s *Socket) Write(b []byte) (int, error) {
	f, err := s.joined()
	if err != nil {
		return 0, err
	}
	return f.Write(b)
}

// SetDeadline ends waiting reads and writes at t with [os.ErrDeadlineExceeded]; the zero time is never.
func (s *Socket) SetDeadline(t time.Time) error {
	f, err := s.joined()
	if err != nil {
		return err
	}
	return f.SetDeadline(t)
}

// SetReadDeadline is SetDeadline for reads.
func (s *Socket) SetReadDeadline(t time.Time) error {
	f, err := s.joined()
	if err != nil {
		return err
	}
	return f.SetReadDeadline(t)
}

// SetWriteDeadline is SetDeadline for writes.
func (s *Socket) SetWriteDeadline(t time.Time) error {
	f, err := s.joined()
	if err != nil {
		return err
	}
	return f.SetWriteDeadline(t)
}
