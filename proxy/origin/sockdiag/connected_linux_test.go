package sockdiag

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestConnected(t *testing.T) {
	for _, tc := range []struct{ network, listen string }{
		{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"tcp", "[::]:0"},
	} {
		client, server := dialFrom(t, tc.network, tc.listen, "", nil)
		dialFrom(t, tc.network, tc.listen, "", nil) // another port
		for _, port := range []uint16{addrOf(server.LocalAddr()).Port(), addrOf(client.LocalAddr()).Port()} {
			all, err := Connected(port)
			if err != nil || len(all) != 2 {
				t.Fatalf("%+v: %+v, %v", tc, all, err)
			}
			for _, end := range []net.Conn{client, server} {
				i := slices.IndexFunc(all, func(s Socket) bool { return s.Inode == inodeOf(t, end) })
				if i < 0 || all[i].State != Established || all[i].Local != plain(addrOf(end.LocalAddr())) ||
					all[i].Remote != plain(addrOf(end.RemoteAddr())) {
					t.Errorf("%+v: %+v", tc, all)
				}
			}
		}
	}
}

// A listener is not connected, and neither is what lingers in TIME-WAIT.
func TestConnectedLeavesOutTheOthers(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	port := addrOf(l.Addr()).Port()
	_ = c.Close()
	all, err := Connected(port)
	if err != nil || len(all) != 2 {
		t.Fatalf("half closed: %+v, %v", all, err)
	}
	for i := range all {
		if _, known := all[i].Owner(); known != (all[i].State == CloseWait) {
			t.Errorf("half closed: %+v", all[i])
		}
	}
	_ = s.Close()
	if all, err := Connected(port); err != nil || len(all) != 0 {
		t.Errorf("closed: %+v, %v", all, err)
	}
}

// One socket connected to itself has one port at both ends.
func TestConnectedToItself(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	loopback := netip.MustParseAddr("127.0.0.1").As4()
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback}); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, sa); err != nil {
		t.Fatal(err)
	}
	all, err := Connected(uint16(sa.(*unix.SockaddrInet4).Port))
	if err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
