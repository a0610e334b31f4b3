package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/lane"
)

// backlog is how many connections may wait for accept; the kernel takes the smaller of this and net.core.somaxconn.
const backlog = 4096

// acceptor is one listening socket.
type acceptor struct {
	fd    int
	poll  *polled        // nil when event loops wait for its connections: Go's poller would wake up for each of them, too
	local netip.AddrPort // not valid for Unix sockets
	path  string         // of a Unix socket that has to be removed
	inode uint64         // of path, so that somebody else's socket is left alone
	kept  bool           // somebody else holds the socket, too: its queue is not ours to empty
}

// listenTCP binds and listens. Options that accepted sockets inherit are set here once.
func listenTCP(at netip.AddrPort, o listenOptions) (*acceptor, error) {
	family, network := unix.AF_INET, "tcp4"
	if at.Addr().Is6() {
		family, network = unix.AF_INET6, "tcp6"
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := setUpTCP(fd, at, network, o); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return newAcceptor(fd, at, o)
}

func setUpTCP(fd int, at netip.AddrPort, network string, o listenOptions) error {
	// SO_REUSEADDR passes over connections in TIME_WAIT; it does not let anybody share the port.
	opts := []sockopt{
		{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1},
		{unix.SOL_SOCKET, unix.SO_OOBINLINE, 1}, // see lane.Socket.UrgentInline
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	}
	if network == "tcp6" {
		v6only := 1
		if at.Addr().IsUnspecified() {
			v6only = 0
		}
		opts = append(opts, sockopt{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, v6only})
	}
	opts = append(opts, legOptions(at.Addr(), o.userTimeout)...)
	if err := setSockopts(fd, opts); err != nil {
		return err
	}
	if at.Addr().IsLoopback() {
		lane.LocalCongestion(fd)
	}
	if err := o.prepare(uintptr(fd), network); err != nil {
		return fmt.Errorf("prepare listener for the peer's proof: %w", err)
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		return err
	}
	return unix.Listen(fd, backlog)
}

// listenUnix binds a Unix socket that only its owner may connect to. A socket that nobody listens on any more is
// replaced.
func listenUnix(path string, o listenOptions) (*acceptor, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	inode, err := setUpUnix(fd, path, o)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	a, err := newAcceptor(fd, netip.AddrPort{}, o)
	if err == nil && !strings.HasPrefix(path, "@") {
		a.path, a.inode = path, inode
	}
	return a, err
}

func setUpUnix(fd int, path string, o listenOptions) (inode uint64, err error) {
	if err := o.prepare(uintptr(fd), "unix"); err != nil {
		return 0, fmt.Errorf("prepare listener for the peer's proof: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	if errors.Is(err, unix.EADDRINUSE) && removeStale(path) {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(path, "@") {
		// Before listen(2) nobody can connect, so there is no moment at which others could.
		if err := os.Chmod(path, 0o600); err != nil {
			return 0, fmt.Errorf("restrict socket to its owner: %w", err)
		}
		inode = inodeOf(path)
	}
	return inode, unix.Listen(fd, backlog)
}

// removeStale removes a socket on which nobody listens, as a crash leaves behind.
func removeStale(path string) bool {
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != os.ModeSocket {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); !errors.Is(err, unix.ECONNREFUSED) {
		return false
	}
	return os.Remove(path) == nil
}

func inodeOf(path string) uint64 {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

func newAcceptor(fd int, local netip.AddrPort, o listenOptions) (*acceptor, error) {
	a := &acceptor{fd: fd, local: local}
	if o.looped {
		return a, nil
	}
	file := os.NewFile(uintptr(fd), "listener")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("descriptor of listener: %w", err)
	}
	a.poll = &polled{file, raw}
	return a, nil
}

// polled is a descriptor that Go's poller waits for.
type polled struct {
	file *os.File
	raw  syscall.RawConn
}

// accept waits for a connection. The error is os.ErrDeadlineExceeded after interrupt, and os.ErrClosed after close.
func (a *acceptor) accept() (*lane.Socket, error) {
	var s *lane.Socket
	var err error
	wait := a.poll.raw.Read(func(uintptr) bool {
		s, err = a.acceptNow()
		return !errors.Is(err, unix.EAGAIN)
	})
	if wait != nil {
		return nil, wait
	}
	return s, err
}

// acceptWaiting returns a connection that waits already; nil when there is none.
func (a *acceptor) acceptWaiting() *lane.Socket {
	s, _ := a.acceptNow()
	return s
}

// acceptNow does not wait; the error is EAGAIN when no connection waits.
func (a *acceptor) acceptNow() (*lane.Socket, error) {
	conn, from, err := accept4(a.fd)
	if err != nil {
		return nil, err
	}
	local := a.local
	if local.IsValid() && local.Addr().IsUnspecified() {
		if local, err = getsockname(conn); err != nil {
			_ = unix.Close(conn)
			return nil, fmt.Errorf("getsockname: %w", err)
		}
	}
	s := lane.NewSocket(conn, local, from)
	s.UrgentInline()
	return s, nil
}

// interrupt ends an accept that waits, now and from now on. The kernel goes on to queue connections until close.
func (a *acceptor) interrupt() {
	if a.poll != nil {
		_ = a.poll.file.SetReadDeadline(time.Unix(1, 0))
	}
}

// setUserTimeout changes what accepted sockets inherit.
func (a *acceptor) setUserTimeout(d time.Duration) {
	if !a.local.IsValid() {
		return
	}
	_ = unix.SetsockoptInt(a.fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}

func (a *acceptor) close() error {
	if a.path != "" && inodeOf(a.path) == a.inode {
		_ = os.Remove(a.path)
	}
	if a.poll != nil {
		return a.poll.file.Close()
	}
	return unix.Close(a.fd)
}
