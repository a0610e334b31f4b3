//go:build linux

package load

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait to be accepted; the kernel lowers it to net.core.somaxconn.
const backlog = 4096

// Echo is a service that sends back what it reads, one event loop on one goroutine.
type Echo struct {
	port                  int
	listener, epoll, wake int
	buffer                [16 << 10]byte
	conns                 map[int]struct{}
	accepted, open        atomic.Int64
	done                  chan struct{}
	err                   error
}

// NewEcho starts an echo service on the port of 127.0.0.1; 0 is any. Close ends it.
func NewEcho(port int) (*Echo, error) {
	e := &Echo{listener: -1, epoll: -1, wake: -1, conns: make(map[int]struct{}), done: make(chan struct{})}
	if err := e.listen(port); err != nil {
		e.free()
		return nil, fmt.Errorf("start the echo service: %w", err)
	}
	go func() {
		defer close(e.done)
		e.err = e.serve()
	}()
	return e, nil
}

func (e *Echo) listen(port int) (err error) {
	if e.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(e.listener, loopback(1, port)); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(e.listener, backlog); err != nil {
		return os.NewSyscallError("listen", err)
	}
	name, err := unix.Getsockname(e.listener)
	if err != nil {
		return os.NewSyscallError("getsockname", err)
	}
	e.port = name.(*unix.SockaddrInet4).Port
	if e.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	if e.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	return errors.Join(watch(e.epoll, e.listener, unix.EPOLLIN), watch(e.epoll, e.wake, unix.EPOLLIN))
}

func watch(epoll, fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event))
}

// Port is where the service listens.
func (e *Echo) Port() int { return e.port }

// Accepted is how many connections there have been.
func (e *Echo) Accepted() int64 { return e.accepted.Load() }

// Open is how many connections there are.
func (e *Echo) Open() int64 { return e.open.Load() }

// Close ends the service and its connections, and returns what it failed with before.
func (e *Echo) Close() error {
	var one [8]byte
	one[0] = 1
	_, err := unix.Write(e.wake, one[:])
	<-e.done
	e.free()
	return errors.Join(err, e.err)
}

func (e *Echo) free() {
	for fd := range e.conns {
		_ = unix.Close(fd)
	}
	for _, fd := range []int{e.listener, e.epoll, e.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

func (e *Echo) serve() error {
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(e.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, event := range events[:max(n, 0)] {
			switch fd := int(event.Fd); fd {
			case e.wake:
				return nil
			case e.listener:
				if err := e.accept(); err != nil {
					return err
				}
			default:
				e.answer(fd)
			}
		}
	}
}

// accept takes one connection in; epoll says again when there are more.
func (e *Echo) accept() error {
	fd, _, err := unix.Accept4(e.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch err {
	case nil:
	case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
		return nil
	default:
		return os.NewSyscallError("accept4", err)
	}
	e.conns[fd] = struct{}{}
	e.accepted.Add(1)
	e.open.Add(1)
	return watch(e.epoll, fd, unix.EPOLLIN)
}

// answer sends back what has come. Messages are small: what the socket's buffer does not take ends the connection.
func (e *Echo) answer(fd int) {
	if _, open := e.conns[fd]; !open {
		return // closed, and epoll goes on telling as long as a process that was forked meanwhile has it, too (epoll(7))
	}
	n, err := unix.Read(fd, e.buffer[:])
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if n > 0 && err == nil {
		var written int
		if written, err = unix.Write(fd, e.buffer[:n]); written == n && err == nil {
			return
		}
	}
	_ = unix.Close(fd)
	delete(e.conns, fd)
	e.open.Add(-1)
}
