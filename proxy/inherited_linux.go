package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/lane"
)

// inherited are listening sockets that whoever started lodoor holds, too, and goes on to hold when lodoor ends: what
// connects meanwhile waits in their queues for the next one (systemd.socket(5), sd_listen_fds(3)).
type inherited struct{ sockets []inheritedSocket }

type inheritedSocket struct {
	file *os.File
	addr netip.AddrPort // not valid for Unix sockets
	path string
}

// newInherited looks at what was handed over.
func newInherited(files []*os.File) (inherited, error) {
	var in inherited
	for _, f := range files {
		s := inheritedSocket{file: f}
		if err := control(f, s.identify); err != nil {
			return in, fmt.Errorf("the descriptor %s that was handed over: %w", f.Name(), err)
		}
		in.sockets = append(in.sockets, s)
	}
	return in, nil
}

// control calls do with the file's descriptor, and leaves its flags as they are.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

func (s *inheritedSocket) identify(fd int) error {
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	kind, errKind := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || errKind != nil || listening == 0 || kind != unix.SOCK_STREAM {
		return errors.New("expected a stream socket that listens, as a systemd unit with ListenStream= and Accept=no hands over")
	}
	at, err := unix.Getsockname(fd)
	if protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); err == nil && protocol == unix.IPPROTO_MPTCP {
		return errors.New("it is a socket of Multipath TCP; expected one of TCP") // urgent data cannot be kept in line there
	}
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		s.addr = netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	case *unix.SockaddrInet6:
		s.addr = netip.AddrPortFrom(netip.AddrFrom16(at.Addr), uint16(at.Port))
	case *unix.SockaddrUnix:
		s.path = at.Name
	default:
		return fmt.Errorf("its address: %w", errors.Join(err, errors.ErrUnsupported))
	}
	return nil
}

func (s *inheritedSocket) is(f *front) bool {
	if f.endpoint.IsUnix() {
		return !s.addr.IsValid() && s.path == f.endpoint.Path
	}
	return s.addr.IsValid() && s.addr == f.addr
}

// acceptor is one for a front at whose address a socket was handed over; nil when none was.
func (in *inherited) acceptor(f *front, o listenOptions) (*acceptor, error) {
	for i := range in.sockets {
		if in.sockets[i].is(f) {
			return in.sockets[i].acceptor(o)
		}
	}
	return nil, nil
}

// acceptor makes a descriptor of its own, so that the front can be closed and opened again by reloads.
func (s *inheritedSocket) acceptor(o listenOptions) (*acceptor, error) {
	own := -1
	err := control(s.file, func(fd int) (err error) {
		own, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err == nil {
		err = s.setUp(own, o)
	}
	if err != nil {
		_ = unix.Close(own)
		return nil, fmt.Errorf("take the socket %s that was handed over: %w", s.file.Name(), err)
	}
	a, err := newAcceptor(own, s.addr, o)
	if err == nil {
		a.kept = true
	}
	return a, err
}

// setUp sets what accepted sockets inherit. Those that wait already have been made without it: such a peer is proven by
// its socket alone, see package peer.
func (s *inheritedSocket) setUp(fd int, o listenOptions) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	network := "unix"
	if s.addr.IsValid() {
		network = "tcp4"
		if s.addr.Addr().Is6() {
			network = "tcp6"
		}
		opts := append([]sockopt{{unix.SOL_SOCKET, unix.SO_OOBINLINE, 1}, {unix.IPPROTO_TCP, unix.TCP_NODELAY, 1}},
			legOptions(s.addr.Addr(), o.userTimeout)...)
		if err := setSockopts(fd, opts); err != nil {
			return err
		}
	}
	if err := o.prepare(uintptr(fd), network); err != nil {
		return fmt.Errorf("prepare listener for the peer's proof: %w", err)
	}
	if s.addr.Addr().IsLoopback() {
		lane.LocalCongestion(fd)
	}
	return nil
}

// unused names the sockets at whose address there is no front.
func (in *inherited) unused(fronts map[string]front) []string {
	var names []string
	for i := range in.sockets {
		used := false
		for _, f := range fronts {
			used = used || !f.tripwire && in.sockets[i].is(&f)
		}
		if s := &in.sockets[i]; !used && s.addr.IsValid() {
			names = append(names, fmt.Sprintf("%s (%s)", s.file.Name(), s.addr))
		} else if !used {
			names = append(names, fmt.Sprintf("%s (%s)", s.file.Name(), s.path))
		}
	}
	return names
}
