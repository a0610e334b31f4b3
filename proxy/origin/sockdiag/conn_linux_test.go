package sockdiag

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

func open(t testing.TB) *Conn {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// dialFrom connects network addresses and returns both ends.
func dialFrom(t testing.TB, network, listen, source string, control func(int) error) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, listen)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := net.Dialer{ControlContext: func(_ context.Context, _, _ string, c syscall.RawConn) (err error) {
		if control != nil {
			_ = c.Control(func(fd uintptr) { err = control(int(fd)) })
		}
		return err
	}}
	if source != "" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source))
	}
	// The listener's own idea of its zone is a name that net may remember from another namespace.
	host, _, _ := net.SplitHostPort(listen)
	port := strconv.Itoa(int(addrOf(l.Addr()).Port()))
	if client, err = d.Dial(network, net.JoinHostPort(host, port)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

func addrOf(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

func inodeOf(t testing.TB, c net.Conn) uint32 {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	_ = raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) })
	if err != nil {
		t.Fatal(err)
	}
	return uint32(st.Ino)
}

func TestLookup(t *testing.T) {
	c := open(t)
	for _, tc := range []struct{ network, listen, source string }{
		{"tcp4", "127.0.0.1:0", ""},
		{"tcp4", "127.0.0.1:0", "127.9.9.9:0"},
		{"tcp4", "0.0.0.0:0", ""},
		{"tcp6", "[::1]:0", ""},
		{"tcp", "[::]:0", ""},
	} {
		client, server := dialFrom(t, tc.network, tc.listen, tc.source, nil)
		for _, end := range []net.Conn{client, server} {
			s, err := c.Lookup(addrOf(end.LocalAddr()), addrOf(end.RemoteAddr()), 0)
			if err != nil {
				t.Errorf("%+v: %v", tc, err)
				continue
			}
			uid, known := s.Owner()
			if s.Inode != inodeOf(t, end) || s.State != Established || !known || int(uid) != os.Getuid() {
				t.Errorf("%+v: %+v, inode should be %d", tc, s, inodeOf(t, end))
			}
		}
	}
}

// Java and Node connect to 127.0.0.1 with an IPv6 socket.
func TestLookupFindsIPv4ByAnIPv6Socket(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	to := addrOf(l.Addr())
	mapped := &unix.SockaddrInet6{Port: int(to.Port()), Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
	if err := unix.Connect(fd, mapped); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s, err := open(t).Lookup(addrOf(server.RemoteAddr()), to, 0)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	if err != nil || uint64(s.Inode) != st.Ino {
		t.Errorf("found %+v, %v; inode should be %d", s, err, st.Ino)
	}
}

func TestLookupNotFound(t *testing.T) {
	c := open(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := addrOf(l.Addr())
	for name, pair := range map[string][2]netip.AddrPort{
		"a listener is no connection": {at, netip.MustParseAddrPort("127.0.0.1:9")},
		"nobody":                      {netip.MustParseAddrPort("127.0.0.1:1"), netip.MustParseAddrPort("127.0.0.1:2")},
		"nobody, IPv6":                {netip.MustParseAddrPort("[::1]:1"), netip.MustParseAddrPort("[::1]:2")},
		"families mixed":              {at, netip.MustParseAddrPort("[::1]:2")},
		"no addresses":                {},
	} {
		if s, err := c.Lookup(pair[0], pair[1], 0); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestLookupAfterTheClientClosed(t *testing.T) {
	c := open(t)
	client, server := dialFrom(t, "tcp4", "127.0.0.1:0", "", nil)
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := c.Lookup(addrOf(server.RemoteAddr()), addrOf(server.LocalAddr()), 0)
	if err != nil {
		t.Fatal(err)
	}
	if uid, known := s.Owner(); known || s.State != FinWait1 && s.State != FinWait2 {
		t.Errorf("owner of a socket that its process has left: %d, %v in %v", uid, known, s.State)
	}
}

func TestLookupScopedAndBound(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.IP("addr", "add", "fe80::99/64", "dev", n.Link, "nodad")
	n.Host.Do(func() {
		c := open(t)
		link, err := net.InterfaceByName(n.Link)
		if err != nil {
			t.Fatal(err)
		}
		iface := uint32(link.Index)

		client, server := dialFrom(t, "tcp6", "[fe80::99%"+strconv.Itoa(link.Index)+"]:0", "", nil)
		expect(t, c, "link-local", server, iface, inodeOf(t, client))
		expect(t, c, "link-local without interface", server, 0, 0)

		bound, server := dialFrom(t, "tcp4", "127.0.0.1:0", "", func(fd int) error {
			return unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo")
		})
		expect(t, c, "bound to lo", server, 1, inodeOf(t, bound))
		expect(t, c, "bound to lo, asked without", server, 0, 0)

		free, server := dialFrom(t, "tcp4", "127.0.0.1:0", "", nil)
		expect(t, c, "not bound", server, iface, inodeOf(t, free))
	})
}

// expect looks up the client of server; inode 0 is that it must not be found.
func expect(t *testing.T, c *Conn, name string, server net.Conn, iface, inode uint32) {
	t.Helper()
	s, err := c.Lookup(addrOf(server.RemoteAddr()), addrOf(server.LocalAddr()), iface)
	switch {
	case inode == 0 && !errors.Is(err, ErrNotFound), inode != 0 && (err != nil || s.Inode != inode):
		t.Errorf("%s: %+v, %v; inode should be %d", name, s, err, inode)
	}
}

// An answer that comes after its request was given up must not be taken for the answer to the next one.
func TestLateAnswerIsNotTheNext(t *testing.T) {
	c := open(t)
	late, _ := dialFrom(t, "tcp4", "127.0.0.1:0", "", nil)
	next, _ := dialFrom(t, "tcp4", "127.0.0.1:0", "", nil)
	given := request{family: familyInet, states: ^uint32(0), local: addrOf(late.LocalAddr()), remote: addrOf(late.RemoteAddr())}
	for range 3 {
		if err := c.send(given.append(c.buf[:0], c.next())); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Lookup(addrOf(next.LocalAddr()), addrOf(next.RemoteAddr()), 0)
	if err != nil || s.Inode != inodeOf(t, next) {
		t.Errorf("found %+v, %v; inode should be %d", s, err, inodeOf(t, next))
	}
}

func TestReceiveEndsWithoutAnAnswer(t *testing.T) {
	c := open(t)
	if _, err := c.receive(c.buf[:], time.Now().Add(timeout)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestLookupByManyAtOnce(t *testing.T) {
	c := open(t)
	var wg sync.WaitGroup
	for range 8 {
		client, _ := dialFrom(t, "tcp4", "127.0.0.1:0", "", nil)
		inode := inodeOf(t, client)
		wg.Go(func() {
			for range 200 {
				s, err := c.Lookup(addrOf(client.LocalAddr()), addrOf(client.RemoteAddr()), 0)
				if err != nil || s.Inode != inode {
					t.Errorf("found %+v, %v; inode should be %d", s, err, inode)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestLookupAfterClose(t *testing.T) {
	c := open(t)
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddrPort("127.0.0.1:1")
	if _, err := c.Lookup(a, a, 0); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestListeners(t *testing.T) {
	for _, tc := range []struct {
		network, listen, want string
		v6only                bool
	}{
		{"tcp4", "127.0.0.1:0", "127.0.0.1", false},
		{"tcp4", "0.0.0.0:0", "0.0.0.0", false},
		{"tcp6", "[::1]:0", "::1", false},
		{"tcp6", "[::]:0", "::", true},
		{"tcp", "[::]:0", "::", false},
	} {
		l, err := net.Listen(tc.network, tc.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		port := addrOf(l.Addr()).Port()
		all, err := Listeners(port)
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v: listeners %+v, %v", tc, all, err)
		}
		s := all[0]
		uid, known := s.Owner()
		if s.Local.Addr().String() != tc.want || s.Local.Port() != port || !known || int(uid) != os.Getuid() {
			t.Errorf("%+v: found %+v", tc, s)
		}
		if tc.want == "::" && s.V6Only != tc.v6only {
			t.Errorf("%+v: takes IPv6 only: %v", tc, s.V6Only)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, family := range []struct{ network, listen string }{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}} {
		b.Run(family.network, func(b *testing.B) {
			c := open(b)
			client, _ := dialFrom(b, family.network, family.listen, "", nil)
			local, remote := addrOf(client.LocalAddr()), addrOf(client.RemoteAddr())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Lookup(local, remote, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
