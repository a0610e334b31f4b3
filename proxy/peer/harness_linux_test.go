package peer

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

func newIdentifier(t testing.TB) *Identifier {
	t.Helper()
	id, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = id.Close() })
	if m := id.Missing(); len(m) > 0 {
		t.Fatalf("this system does not allow what the tests are about: %v", m)
	}
	return id
}

// listen listens as the proxy does.
func listen(t testing.TB, id *Identifier, network, address string) net.Listener {
	t.Helper()
	lc := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) (err error) {
		_ = c.Control(func(fd uintptr) { err = id.Prepare(fd, network) })
		return err
	}}
	l, err := lc.Listen(context.Background(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func portOf(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }

// accept takes the next connection as the proxy does: with addresses as the kernel says them.
func accept(t testing.TB, l net.Listener) *lane.Socket {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	_ = raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		t.Fatal(err)
	}
	local, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	s := lane.NewSocket(fd, addrPort(local), peerOf(fd, c))
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// peerOf is the peer's address; of a connection that was reset only accept(2) knows it.
func peerOf(fd int, c net.Conn) netip.AddrPort {
	if remote, err := unix.Getpeername(fd); err == nil {
		return addrPort(remote)
	}
	return c.RemoteAddr().(*net.TCPAddr).AddrPort()
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			a = a.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
		return netip.AddrPortFrom(a, uint16(sa.Port))
	default:
		return netip.AddrPort{}
	}
}

// client describes a connection that a test makes.
type client struct {
	to     string // host
	from   string // host; empty is the kernel's choice
	port   int    // of from; 0 is the kernel's choice
	device string // SO_BINDTODEVICE
	mapped bool   // an IPv6 socket that speaks IPv4, as Java's and Node's
}

// dial connects and returns the client's descriptor.
func (c client) dial(t testing.TB, port uint16) int {
	t.Helper()
	to, from := c.sockaddr(t, c.to, int(port)), unix.Sockaddr(nil)
	if c.from != "" {
		from = c.sockaddr(t, c.from, c.port)
	}
	family := unix.AF_INET6
	if _, ok := to.(*unix.SockaddrInet4); ok {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if c.device != "" {
		must(t, unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, c.device))
	}
	if from != nil {
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
		must(t, unix.Bind(fd, from))
	}
	// A test that takes the wrong way must fail, and not hang.
	must(t, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 2))
	must(t, unix.Connect(fd, to))
	return fd
}

func (c client) sockaddr(t testing.TB, host string, port int) unix.Sockaddr {
	t.Helper()
	a := netip.MustParseAddr(host)
	if a.Is4() && !c.mapped {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: port}
	}
	sa := &unix.SockaddrInet6{Addr: a.As16(), Port: port}
	if a.Zone() != "" {
		i, err := net.InterfaceByName(a.Zone())
		must(t, err)
		sa.ZoneId = uint32(i.Index)
	}
	return sa
}

// connect makes a connection to l that stays open until the test's end.
func (c client) connect(t testing.TB, l net.Listener) *lane.Socket {
	t.Helper()
	fd := c.dial(t, portOf(l))
	t.Cleanup(func() { _ = unix.Close(fd) })
	return accept(t, l)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reset closes a connection so that the other end is told at once.
func reset(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	_ = unix.Close(fd)
}

// as calls f as another user: a thread has a user of its own, though Go's functions change that of all.
func as(t testing.TB, uid int, f func()) {
	t.Helper()
	runtime.LockOSThread()
	setUser(t, uid)
	defer func() {
		setUser(t, 0)
		runtime.UnlockOSThread()
	}()
	f()
}

func setUser(t testing.TB, uid int) {
	t.Helper()
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
		t.Fatalf("become user %d: %v", uid, errno)
	}
}

type want struct {
	zone  flow.Zone
	proof flow.Proof
	iface string
}

func (w want) check(t *testing.T, p flow.Peer) {
	t.Helper()
	if got := (want{p.Zone, p.Proof, p.Interface}); got != w {
		t.Errorf("peer %v: zone %v, proof %v, interface %q; want %v, %v, %q",
			p.Addr, got.zone, got.proof, got.iface, w.zone, w.proof, w.iface)
	}
	if p.Addr.Addr().Is4In6() || p.Addr.Addr().Zone() != "" || p.Front.Addr().Is4In6() || p.Front.Addr().Zone() != "" {
		t.Errorf("addresses %v and %v are not plain", p.Addr, p.Front)
	}
}
