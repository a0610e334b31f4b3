package sockdiag

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// timeout bounds the wait for an answer. The kernel answers while the request is being sent, within microseconds; this
// is for the day on which it does not.
const timeout = 100 * time.Millisecond

// Conn is a connection to the kernel's socket diagnostics. It may be used by many goroutines at once and sees the
// network namespace of the thread that opened it.
type Conn struct {
	mu  sync.Mutex
	fd  int // -1 after Close
	seq uint32
	buf [4096]byte // for both ways; one socket takes less than 512 bytes
}

// Open connects to the kernel and makes sure that it answers. It needs no privilege. The error is
// [errors.ErrUnsupported] where the kernel has no tcp_diag.
func Open() (*Conn, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	// An exact look-up cannot tell "no such socket" from "no such module": both are ENOENT. A dump can.
	if _, err := Listeners(1); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	// A connected netlink socket takes messages from the kernel only.
	err = unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err == nil {
		wait := unix.NsecToTimeval(timeout.Nanoseconds())
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open sock_diag: %w", err)
	}
	return &Conn{fd: fd}, nil
}

// Close ends the connection; look-ups fail from then on.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// Lookup finds the connected socket whose own address is local and whose peer's is remote, also the IPv6 socket of a
// client that speaks IPv4 (Java, Node). iface is the index of the interface that the socket may be bound to: needed
// for link-local addresses and for sockets under SO_BINDTODEVICE; sockets that are bound to none are always found.
// Zones in the addresses are not looked at.
//
// The error is [ErrNotFound] when there is none.
func (c *Conn) Lookup(local, remote netip.AddrPort, iface uint32) (s Socket, err error) {
	r := request{family: familyInet, states: ^uint32(0), local: plain(local), remote: plain(remote), iface: iface}
	if r.local.Addr().Is6() {
		r.family = familyInet6
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.exchange(r.append(c.buf[:0], c.next()))
	if err == nil {
		s, err = m.socket()
	}
	if errors.Is(err, unix.ENOENT) {
		return Socket{}, ErrNotFound
	}
	if err != nil {
		return Socket{}, fmt.Errorf("sock_diag: %w", err)
	}
	// Without a connected socket the kernel answers with one that listens at local.
	if s.Local != r.local || s.Remote != r.remote || s.State == Listen {
		return Socket{}, ErrNotFound
	}
	return s, nil
}

// exchange sends a request for one socket, which has the next number, and returns the answer to it. That is good until
// the next request.
func (c *Conn) exchange(request []byte) (m message, err error) {
	if err := c.send(request); err != nil {
		return m, err
	}
	deadline := time.Now().Add(timeout)
	for time.Now().Before(deadline) {
		b, err := c.receive(c.buf[:], deadline)
		if err != nil {
			return m, err
		}
		m, _, err = nextMessage(b)
		if err != nil || m.seq == c.seq { // another is the late answer to a request that was given up
			return m, err
		}
	}
	return m, os.ErrDeadlineExceeded
}

// next is the number of a new request.
func (c *Conn) next() uint32 {
	c.seq++
	return c.seq
}

func (c *Conn) send(request []byte) error {
	if c.fd < 0 {
		return os.ErrClosed
	}
	for {
		if _, err := raw(unix.SYS_WRITE, c.fd, request); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// receive reads what the kernel sent. Signals interrupt the wait, so that it has a deadline of its own.
func (c *Conn) receive(b []byte, deadline time.Time) ([]byte, error) {
	for {
		n, err := raw(unix.SYS_READ, c.fd, b)
		switch {
		case err == nil:
			return b[:n], nil
		case errors.Is(err, unix.EAGAIN), time.Now().After(deadline):
			return nil, os.ErrDeadlineExceeded
		case !errors.Is(err, unix.EINTR):
			return nil, err
		}
	}
}

// raw reads or writes once and does not tell Go's scheduler: the kernel has answered before the request's write returns.
func raw(call uintptr, fd int, b []byte) (int, error) {
	//nolint:gosec // G103: the pointer is used during the call only
	n, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
