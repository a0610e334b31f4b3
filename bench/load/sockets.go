//go:build linux

// Package load makes load: short connections, single requests, idle sessions, and the echo service behind them. It
// speaks to the kernel without the Go runtime's poller, so that as little as possible of what is measured is its own.
package load

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long one answer may take before a connection counts as stuck.
const patience = 10 * time.Second

// loopback is the port on 127.0.0.host.
func loopback(host byte, port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, host}}
}

// connect begins a connection from 127.0.0.source to a port of 127.0.0.1. A socket that does not block may not be
// connected yet. Several sources are there because one has only 28,000 ports.
func connect(source byte, port, flags int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err == nil {
		err = unix.Bind(fd, loopback(source, 0))
	}
	if err == nil {
		err = unix.Connect(fd, loopback(1, port))
	}
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connect to port %d: %w", port, err)
	}
	return fd, nil
}

// connectPatient is connect for a socket that blocks, with a limit to each of its waits.
func connectPatient(source byte, port int) (int, error) {
	fd, err := connect(source, port, 0)
	if err != nil {
		return -1, err
	}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		_ = unix.Close(fd)
		return -1, os.NewSyscallError("setsockopt", err)
	}
	return fd, nil
}

// exchange sends a request over a socket that blocks and reads an answer of exactly as many bytes as there is room.
func exchange(fd int, request, answer []byte) error {
	if _, err := syscall.Write(fd, request); err != nil {
		return os.NewSyscallError("write", err)
	}
	for len(answer) > 0 {
		n, err := syscall.Read(fd, answer)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return os.NewSyscallError("read", err)
		case n == 0:
			return fmt.Errorf("the connection ended %d bytes before the answer's end", len(answer))
		default:
			answer = answer[n:]
		}
	}
	return nil
}
