package origin

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// soon is how long programs may take to do what they were told.
const soon = 30 * time.Second

// scene is a service on a host, and another host beside it.
type scene struct {
	*testkit.Network
	t       *testing.T
	service *testkit.BackendServer // on the host's loopback; it only reads
	dir     string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{Network: testkit.NewNetwork(t), t: t}
	s.Host.Do(func() {
		s.service = testkit.Backend(t, testkit.BackendOptions{
			Network: "tcp", Address: "127.0.0.1:0",
			Serve: func(c net.Conn) error { _, err := io.Copy(io.Discard, c); return err },
		})
	})
	s.dir = t.TempDir()
	return s
}

// dial connects from a namespace as soon as somebody listens.
func (s *scene) dial(from *testkit.Netns, address string) net.Conn {
	s.t.Helper()
	var c net.Conn
	testkit.Wait(s.t, address, func() bool {
		from.Do(func() {
			if got, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				c = got
			}
		})
		return c != nil
	}, soon)
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// client is the process at the other end of the service's n-th connection.
func (s *scene) client(n int) *flow.Process {
	s.t.Helper()
	testkit.Wait(s.t, "a connection", func() bool { return len(s.service.Connections()) >= n }, soon)
	local := netip.MustParseAddrPort(s.service.Connections()[n-1].Remote)
	remote := s.service.Addr().(*net.TCPAddr).AddrPort()
	var process *flow.Process
	s.Host.Do(func() { process = holderOf(s.t, local, remote) })
	return process
}

func holderOf(t *testing.T, local, remote netip.AddrPort) *flow.Process {
	t.Helper()
	c, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // nothing was written
	socket, err := c.Lookup(local, remote, 0)
	if err != nil {
		t.Fatal(err)
	}
	holders, err := procfs.New("").Holders(t.Context(), uint64(socket.Inode))
	if err != nil || len(holders) != 1 {
		t.Fatalf("%v, %v", holders, err)
	}
	dir, err := procfs.New("").Open(holders[0].PID)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p, err := dir.Describe(procfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// judge asks for a process, as the host sees it.
func (s *scene) judge(p *flow.Process) (found *flow.Forwarder) {
	s.t.Helper()
	f, err := NewForwarders(ForwardersConfig{Zone: zoneForTests})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Host.Do(func() { found = f.Of(s.t.Context(), p) })
	return found
}

func (s *scene) expect(p *flow.Process, want flow.Forwarder) {
	s.t.Helper()
	got := s.judge(p)
	if got == nil {
		s.t.Fatalf("%+v is not a forwarder", p)
	}
	want.PID, want.Reason = p.PID, got.Reason
	if *got != want || !strings.Contains(got.Reason, p.Executable.Path) {
		s.t.Errorf("%+v; want %+v", got, want)
	}
}

// start runs a program in a namespace.
func (s *scene) start(in *testkit.Netns, program string, args ...string) *testkit.Child {
	s.t.Helper()
	return testkit.Start(s.t, in.Command(program, args...))
}

// TestSSHDIsAForwarder: who comes by ssh -L is seen as sshd, whose far end is the ssh client's host; also where sshd
// serves the session with two processes, one without privileges, since the user is not root.
func TestSSHDIsAForwarder(t *testing.T) {
	for _, user := range []string{"root", "nobody"} {
		t.Run(user, func(t *testing.T) {
			s := newScene(t)
			client := testkit.SSHD(t, s.Host, s.Host4, user)
			entrance := "127.0.0.1:" + strconv.Itoa(testkit.FreePort(t))
			s.start(s.Remote, "ssh", append([]string{"-N", "-L", entrance + ":" + s.service.Addr().String()}, client...)...)
			s.dial(s.Remote, entrance)
			p := s.client(1)
			got := s.judge(p)
			if got == nil || got.Far.Addr() != s.Remote4 {
				t.Fatalf("%+v of %+v; want %v", got, p, s.Remote4)
			}
			s.expect(p, flow.Forwarder{Name: "sshd", Zone: flow.ZoneLAN, Far: got.Far})

			// A second one does not change who is at the other end.
			s.dial(s.Remote, entrance)
			s.expect(s.client(2), flow.Forwarder{Name: "sshd", Zone: flow.ZoneLAN, Far: got.Far})
		})
	}
}

// TestProgramInAnSSHSessionIsNone: it has sshd among its ancestors, and speaks for itself.
func TestProgramInAnSSHSessionIsNone(t *testing.T) {
	s := newScene(t)
	client := testkit.SSHD(t, s.Host, s.Host4, "root")
	psql := strings.Join(s.helper("psql", "dial", s.service.Addr().String()), " ")
	s.start(s.Remote, "ssh", append(client, psql)...)
	p := s.client(1)
	if got := s.judge(p); got != nil || filepath.Base(p.Executable.Path) != "psql" {
		t.Errorf("%+v is %+v", p, got)
	}
	sshd := false
	for _, a := range p.Parents {
		sshd = sshd || strings.HasPrefix(a.Program, "sshd")
	}
	if !sshd {
		t.Errorf("the test is not about a child of sshd: %+v", p.Parents)
	}
}

// TestSSHClientIsAForwarder that carries a connection to the service (-R), and none when the service is its server.
func TestSSHClientIsAForwarder(t *testing.T) {
	s := newScene(t)
	client := testkit.SSHD(t, s.Remote, s.Remote4, "root")
	entrance := "127.0.0.1:" + strconv.Itoa(testkit.FreePort(t))
	forward := "RemoteForward=" + entrance + " " + s.service.Addr().String()
	s.start(s.Host, "ssh", append([]string{"-N", "-o", forward}, client...)...)
	s.dial(s.Remote, entrance)
	port, _ := strconv.Atoi(client[len(client)-2])
	s.expect(s.client(1), flow.Forwarder{
		Name: "ssh", Zone: flow.ZoneLAN, Far: netip.AddrPortFrom(s.Remote4, uint16(port)),
	})

	s.start(s.Host, "ssh", "-F", "none", "-o", "BatchMode=yes", "-p", strconv.Itoa(s.service.Port()), "root@127.0.0.1")
	if p := s.client(2); p.Program != "ssh" || s.judge(p) != nil {
		t.Errorf("a client of the service is a forwarder: %+v", s.judge(p))
	}
}

func TestRelaysAreForwarders(t *testing.T) {
	testkit.Need(t, "socat")
	s := newScene(t)
	service := s.service.Addr().String()
	entrance := func() string { return netip.AddrPortFrom(s.Host4, uint16(testkit.FreePort(t))).String() }
	for i, tc := range []struct {
		name    string
		command func(entrance string) []string
	}{
		{"socat", func(entrance string) []string {
			host, port, _ := net.SplitHostPort(entrance)
			return []string{"socat", "TCP-LISTEN:" + port + ",bind=" + host + ",fork", "TCP:" + service}
		}},
		{"docker-proxy", func(entrance string) []string { return s.helper("docker-proxy", "relay", entrance, service) }},
	} {
		at := entrance()
		command := tc.command(at)
		s.start(s.Host, command[0], command[1:]...)
		far := s.dial(s.Remote, at).LocalAddr().(*net.TCPAddr).AddrPort()
		s.expect(s.client(i+1), flow.Forwarder{Name: tc.name, Zone: flow.ZoneLAN, Far: far})
	}

	socat := s.Host.Command("socat", "-", "TCP:"+service)
	if _, err := socat.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	testkit.Start(t, socat)
	if p := s.client(3); p.Program != "socat" || s.judge(p) != nil {
		t.Errorf("socat that speaks for a pipe is a forwarder: %+v", s.judge(p))
	}
}

// TestForwarderInAnotherNetwork has sockets here and, for all that can be seen, others there: its far end stays
// unknown.
func TestForwarderInAnotherNetwork(t *testing.T) {
	s := newScene(t)
	command := s.helper("docker-proxy", "hold")
	proxy := s.Remote.Command(command[0], command[1:]...)
	if _, err := proxy.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	s.Host.Do(func() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		_ = s.dial(s.Host, l.Addr().String())
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		proxy.ExtraFiles = []*os.File{file(t, accepted), file(t, s.dial(s.Host, s.service.Addr().String()))}
	})
	child := testkit.Start(t, proxy)
	testkit.Wait(t, "ip to become the proxy", func() bool { return strings.Contains(child.Stdout(), "holding") }, soon)
	for _, f := range proxy.ExtraFiles {
		_ = f.Close()
	}
	s.expect(s.client(1), flow.Forwarder{Name: "docker-proxy"})
}

// file is a connection that a child may inherit. The connection itself is closed.
func file(t *testing.T, c net.Conn) *os.File {
	t.Helper()
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	return f
}

// TestForwarderIsNotWhoHasItsNumberNow: a process of another start has none of the first one's sockets.
func TestForwarderIsNotWhoHasItsNumberNow(t *testing.T) {
	dir, err := procfs.New("").Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	me, err := dir.Describe(procfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := socketsOf(t.Context(), procfs.New(""), me); err != nil {
		t.Errorf("the process itself: %v", err)
	}
	before, other := *me, *me
	before.Started = me.Started.Add(-time.Hour)
	other.Executable.Path = "/usr/sbin/sshd"
	for _, p := range []*flow.Process{&before, &other} {
		if h, err := socketsOf(t.Context(), procfs.New(""), p); err == nil {
			t.Errorf("%+v has %+v", p, h)
		}
		p.CommandLine = "as it was kept"
		if words := wordsOf(procfs.New(""), p); len(words) != 4 {
			t.Errorf("%+v was started with %q", p, words)
		}
	}
}

// helper is the command line of this test program under another name, doing what TestForwarderHelper does.
func (s *scene) helper(name string, does ...string) []string {
	s.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.dir, name)
	content, err := os.ReadFile(exe)
	if err == nil {
		err = os.WriteFile(path, content, 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return append([]string{path, "-test.run=^TestForwarderHelper$", "--"}, does...)
}

// TestForwarderHelper is not a test: it is a client or a relay that other tests run under other names.
func TestForwarderHelper(t *testing.T) {
	switch args := flag.Args(); {
	case len(args) == 1 && args[0] == "hold":
		fmt.Fprintln(os.Stdout, "holding")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the end
	case len(args) == 2 && args[0] == "dial":
		c, err := net.Dial("tcp", args[1])
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, c) // until the end
	case len(args) == 3 && args[0] == "relay":
		l, err := net.Listen("tcp", args[1])
		if err != nil {
			t.Fatal(err)
		}
		for {
			in, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			out, err := net.Dial("tcp", args[2])
			if err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = io.Copy(out, in) }()
			go func() { _, _ = io.Copy(in, out) }()
		}
	}
}
