package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/lane"
)

// connectTCP makes one attempt to connect.
func connectTCP(to netip.AddrPort, deadline time.Time, userTimeout time.Duration) (*lane.Socket, error) {
	s, err := beginConnectTCP(to, userTimeout)
	if err != nil {
		return nil, err
	}
	if err := s.FinishConnect(deadline); err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// beginConnectTCP begins an attempt to connect and does not wait for its end.
func beginConnectTCP(to netip.AddrPort, userTimeout time.Duration) (*lane.Socket, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := socket(family)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	err = setSockopts(fd, legOptions(to.Addr(), userTimeout))
	if err == nil {
		err = connect(fd, to)
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return nil, err
	}
	local, err := getsockname(fd) // known as soon as connect has begun
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	s := lane.NewSocket(fd, local, to)
	s.Untuned()
	if s.Local() == s.Remote() {
		// Nobody listens, and the kernel chose the very port that was dialled as source: TCP's simultaneous open
		// connects the socket to itself (RFC 9293, 3.5).
		_ = s.Reset()
		return nil, unix.ECONNREFUSED
	}
	return s, nil
}

// connectUnix makes one attempt to connect. A full queue of the listener is EAGAIN.
func connectUnix(path string, _ time.Time) (*lane.Socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return lane.NewSocket(fd, netip.AddrPort{}, netip.AddrPort{}), nil
}

// gone says whether a client whose backend is still being dialled has left altogether. One that has only finished
// sending is not gone.
func gone(s *lane.Socket) bool {
	var left bool
	_ = s.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(p, 0)
		left = err == nil && n == 1 && p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	return left
}
