package origin

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// TestParseLsof reads output as lsof(8) describes it: of processes with several sockets, of one socket that two have,
// of listeners, and of files whose names say nothing of a connection.
func TestParseLsof(t *testing.T) {
	const output = `p812
f12
n127.0.0.1:50750->127.0.0.1:5432
f13
n127.0.0.1:50750->127.0.0.1:5432
f14
n[::1]:50751->[::1]:5432
p813
f3
n127.0.0.1:50750->127.0.0.1:5432
f4
n[fe80:4::1]:50752->[fe80:4::2]:22
p814
f5
n*:5432
f6
n127.0.0.1:5432
f7
nlocalhost:1->localhost:2
p
f8
n127.0.0.1:9->127.0.0.1:10
pjunk
f8
n127.0.0.1:9->127.0.0.1:10

n
`
	at := func(local, remote string) ends {
		return ends{netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)}
	}
	want := ownership{
		at("127.0.0.1:50750", "127.0.0.1:5432"): {812, 813},
		at("[::1]:50751", "[::1]:5432"):         {812},
		at("[fe80::1]:50752", "[fe80::2]:22"):   {813},
	}
	if got := parseLsof([]byte(output)); !equalOwners(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
}

func TestParseLsofText(t *testing.T) {
	const output = "p7\nfcwd\nn/\nftxt\nn/usr/bin/psql\nftxt\nn/usr/lib/dyld\np8\nftxt\nn/usr/bin/other\n"
	for pid, want := range map[int]string{7: "/usr/bin/psql", 8: "/usr/bin/other", 9: ""} {
		if got := parseLsofText([]byte(output), pid); got != want {
			t.Errorf("%d: %q", pid, got)
		}
	}
}

// TestParseRealLsof is about this system's lsof, which writes the same fields as that of macOS.
func TestParseRealLsof(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	me := os.Getpid()
	fields := []string{"-nPw", "-Fpfn", "-a", "-p", strconv.Itoa(me)}
	owners := parseLsof([]byte(testkit.Run(t, "lsof", append(fields, "-iTCP", "-sTCP:^LISTEN")...)))
	for _, end := range []net.Conn{c, s} {
		at := ends{end.LocalAddr().(*net.TCPAddr).AddrPort(), end.RemoteAddr().(*net.TCPAddr).AddrPort()}
		if !slices.Equal(owners[at], []int{me}) {
			t.Errorf("%v is held by %v", at, owners[at])
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := parseLsofText([]byte(testkit.Run(t, "lsof", append(fields, "-d", "txt")...)), me); got != exe {
		t.Errorf("the executable is %q", got)
	}
}
