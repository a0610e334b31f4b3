package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

// failure is something that is really wrong, and what check is to say of it in its last line.
type failure struct {
	name string
	// setUp makes it and runs check.
	setUp func(t *testing.T, h *testkit.Home) (stdout string, code int)
	class string
	// cause and mend are regular expressions.
	cause, mend string
}

// expect checks the last line, and that all of it is there.
func (f *failure) expect(t *testing.T, stdout string, code int) {
	t.Helper()
	last := lastLine(stdout)
	class, rest, _ := strings.Cut(last, ": ")
	cause, mend, _ := strings.Cut(rest, "; mend: ")
	if code != exitFailure || class != f.class || !regexp.MustCompile(f.cause).MatchString(cause) || !regexp.MustCompile(f.mend).MatchString(mend) {
		t.Errorf("check ended with %d and said:\n%s\nwant %s: %s; mend: %s", code, stdout, f.class, f.cause, f.mend)
	}
}

func lastLine(text string) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return all[len(all)-1]
}

// sharedHome is for those who start no door.
func sharedHome(t *testing.T) func(testing.TB) *testkit.Home {
	h := testkit.NewHome(t)
	return func(testing.TB) *testkit.Home { return h }
}

func runFailures(t *testing.T, home func(testing.TB) *testkit.Home, failures []failure) {
	t.Helper()
	for i := range failures {
		f := &failures[i]
		t.Run(f.name, func(t *testing.T) {
			stdout, code := f.setUp(t, home(t))
			f.expect(t, stdout, code)
		})
	}
}

// check runs lodoor check where the calling thread is.
func check(t *testing.T, h *testkit.Home, args ...string) (stdout string, code int) {
	t.Helper()
	stdout, stderr, code := h.Run(append([]string{"check"}, args...)...)
	if stderr != "" {
		t.Errorf("check %q said: %s", args, stderr)
	}
	return stdout, code
}

// Services that are not there, or are somewhere else, or behave badly: no privilege is needed to set them up.
func TestCheckFailingServices(t *testing.T) {
	runFailures(t, sharedHome(t), []failure{
		{name: "nobody", setUp: checkNobody, class: "application", cause: `^refused: nobody listens on port \d+, at no address`, mend: `^start the service`},
		{name: "accept queue full", setUp: checkFullQueue, class: "application",
			cause: `^timed out: lodoor\.test \(pid \d+, .* does not accept: its accept queue .* is full \(1 wait, 0 may\)$`, mend: `restart it`},
		{name: "nobody accepts", setUp: checkNotAccepting, class: "application",
			cause: `does not accept: the connection to 127\.0\.0\.1:\d+ waits in its accept queue$`, mend: `restart it`},
		{name: "reset at once", setUp: checkReset, class: "application", cause: `accepted the connection to \S+ and reset it at once$`, mend: `its log says why`},
		{name: "closed at once", setUp: checkClosed, class: "application", cause: `accepted the connection to \S+ and closed it at once$`, mend: `its log says why`},
		{name: "refused in its own protocol", setUp: checkComplaint, class: "application",
			cause: `refuses with an error of its own: "-DENIED Redis is running in protected mode`, mend: `settings`},
		{name: "a forwarder to nobody", setUp: checkForwarder, class: "application", cause: `^socat .*what it forwards to does not answer$`, mend: `^start the service behind it`},
		{name: "another own address", setUp: checkOtherAddress, class: "application",
			cause: `^wrong address: localhost is 127\.0\.0\.1 here, and .* listens at 127\.0\.0\.9:\d+ only$`, mend: `^connect to 127\.0\.0\.9:\d+, or let it listen at 127\.0\.0\.1 too$`},
		{name: "IPv6 only", setUp: checkIPv6Only, class: "application",
			cause: `^wrong family: .*listens at \[::1\]:\d+ only, not at 127\.0\.0\.1:\d+$`, mend: `^connect to \[::1\]:\d+, or let it listen at 127\.0\.0\.1 too$`},
		{name: "a server wants a port in use", setUp: checkInUse, class: "application",
			cause: `^in use: lodoor\.test \(pid \d+, user \S+\) listens at 127\.0\.0\.1:\d+`, mend: `^stop it \(pid \d+; .*or take another port$`},
		{name: "a client has the port", setUp: checkTaken, class: "application",
			cause: `which is taken: it is the own end of a connection of lodoor\.test .* to 127\.0\.0\.1:\d+$`, mend: `outside \d+-\d+, or reserve this one: sysctl`},
		{name: "a server wants a port that a client has", setUp: checkTakenBind, class: "application",
			cause: `^in use: \S+ is the own end of a connection of lodoor\.test`, mend: `wait until that has ended`},
	})
}

func checkNobody(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, strconv.Itoa(testkit.FreePort(t)))
}

// listening is a socket that listens, and from which nobody accepts.
func listening(t *testing.T, backlog int) (port int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	port = testkit.FreePort(t)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		t.Fatal(err)
	}
	return port
}

// connected is a connection that stays until the test ends.
func connected(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func checkFullQueue(t *testing.T, h *testkit.Home) (string, int) {
	port := listening(t, 0) // has room for one (tcp(7): one more than the backlog)
	connected(t, local(port))
	return check(t, h, local(port))
}

func checkNotAccepting(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, local(listening(t, 5)))
}

// served is a backend that does one thing with each connection.
func served(t *testing.T, serve func(net.Conn) error) string {
	t.Helper()
	return testkit.Backend(t, testkit.BackendOptions{Network: "tcp", Address: "127.0.0.1:0", Serve: serve}).Addr().String()
}

func checkReset(t *testing.T, h *testkit.Home) (string, int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return check(t, h, ln.Addr().String())
}

func checkClosed(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, served(t, func(net.Conn) error { return nil }))
}

func checkComplaint(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, served(t, func(c net.Conn) error {
		_, err := io.WriteString(c, "-DENIED Redis is running in protected mode because protected mode is enabled\r\n")
		return err
	}))
}

func checkForwarder(t *testing.T, h *testkit.Home) (string, int) {
	port := testkit.FreePort(t)
	socat := testkit.Start(t, exec.Command(testkit.Program(t, "socat"), "-d", "-d",
		fmt.Sprintf("TCP4-LISTEN:%d,bind=127.0.0.1,fork", port), "TCP4:"+local(testkit.FreePort(t))))
	testkit.Wait(t, "socat to listen", func() bool { return strings.Contains(socat.Stderr(), "listening on") }, 20*time.Second)
	return check(t, h, local(port))
}

func checkOtherAddress(t *testing.T, h *testkit.Home) (string, int) {
	b := testkit.Backend(t, testkit.BackendOptions{Network: "tcp", Address: "127.0.0.9:0"})
	return check(t, h, strconv.Itoa(b.Port()))
}

func checkIPv6Only(t *testing.T, h *testkit.Home) (string, int) {
	if !hasIPv6Loopback() {
		testkit.Missing(t, "this host has no IPv6 loopback")
	}
	b := testkit.Backend(t, testkit.BackendOptions{Network: "tcp", Address: "[::1]:0"})
	return check(t, h, local(b.Port()))
}

func checkInUse(t *testing.T, h *testkit.Home) (string, int) {
	port := testkit.EchoServer(t).Port()
	if ln, err := net.Listen("tcp", local(port)); err == nil {
		_ = ln.Close()
		t.Fatal("the port can be had twice")
	}
	return check(t, h, "--bind", strconv.Itoa(port))
}

// clientPort is the port that the system gave a client.
func clientPort(t *testing.T) string {
	t.Helper()
	c := connected(t, testkit.EchoServer(t).Addr().String())
	return c.LocalAddr().String()
}

func checkTaken(t *testing.T, h *testkit.Home) (string, int) { return check(t, h, clientPort(t)) }

func checkTakenBind(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, "--bind", clientPort(t))
}

// Unix sockets.
func TestCheckFailingUnixSockets(t *testing.T) {
	runFailures(t, sharedHome(t), []failure{
		{name: "missing", setUp: checkMissing, class: "application", cause: `^missing: there is no /\S+/s$`, mend: `^start the service`},
		{name: "directory missing", setUp: checkMissingDir, class: "application", cause: `^missing: there is no directory /\S+/run, and so no /\S+/run/s$`, mend: `^start the service`},
		{name: "stale", setUp: checkStale, class: "application", cause: `is stale: it was left behind, and nobody listens on it any more$`, mend: `'rm /\S+/s' first`},
		{name: "not a socket", setUp: checkNoSocket, class: "application", cause: `is not a socket but a regular file$`, mend: `^correct the path`},
		{name: "datagrams", setUp: checkDatagrams, class: "application", cause: `is a Unix socket of another kind`, mend: `^correct the path`},
		{name: "accept queue full", setUp: checkFullUnix, class: "application", cause: `does not accept: the accept queue of /\S+/s is full$`, mend: `restart it`},
		{name: "mode", setUp: checkMode, class: "application",
			cause: `^permission: this user may not write to the socket /\S+/s \(mode -rw-------, user root, group root\)$`, mend: `^run the client as root or as a member of group root`},
		{name: "directory", setUp: checkBarrier, class: "application",
			cause: `^permission: this user may not pass the directory /\S+/private \(mode -rwx------, user root, group root\)$`, mend: `^run the client as root`},
	})
}

// shortDir is a folder that everybody may enter, with a path that is short enough for sockets.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lodoor-check-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// unixServer is a socket that listens, and its path.
func unixServer(t *testing.T, path string) *net.UnixListener {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func checkMissing(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, "unix:"+filepath.Join(shortDir(t), "s"))
}

func checkMissingDir(t *testing.T, h *testkit.Home) (string, int) {
	return check(t, h, "unix:"+filepath.Join(shortDir(t), "run", "s"))
}

func checkStale(t *testing.T, h *testkit.Home) (string, int) {
	path := filepath.Join(shortDir(t), "s")
	ln := unixServer(t, path)
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
	return check(t, h, "unix:"+path)
}

func checkNoSocket(t *testing.T, h *testkit.Home) (string, int) {
	path := filepath.Join(shortDir(t), "s")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return check(t, h, "unix:"+path)
}

func checkDatagrams(t *testing.T, h *testkit.Home) (string, int) {
	path := filepath.Join(shortDir(t), "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return check(t, h, "unix:"+path)
}

func checkFullUnix(t *testing.T, h *testkit.Home) (string, int) {
	path := filepath.Join(shortDir(t), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return check(t, h, "unix:"+path)
}

// asNobody runs lodoor check as a user with no rights at all.
func asNobody(t *testing.T, h *testkit.Home, args ...string) (string, int) {
	t.Helper()
	testkit.NeedRoot(t)
	cmd := h.Command(append([]string{"check"}, args...)...)
	binary := filepath.Join(shortDir(t), "lodoor") // where everybody may go
	if out, err := exec.Command("cp", cmd.Path, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd.Path, cmd.Dir = binary, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, _ := cmd.Output() // the code says how it ended
	return string(out), cmd.ProcessState.ExitCode()
}

func checkMode(t *testing.T, h *testkit.Home) (string, int) {
	path := filepath.Join(shortDir(t), "s")
	unixServer(t, path)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return asNobody(t, h, "unix:"+path)
}

func checkBarrier(t *testing.T, h *testkit.Home) (string, int) {
	private := filepath.Join(shortDir(t), "private")
	if err := os.Mkdir(private, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(private, "s")
	unixServer(t, path)
	return asNobody(t, h, "unix:"+path)
}

// A port that is privileged in a namespace where users may not take it.
func TestCheckPrivilegedPort(t *testing.T) {
	h := testkit.NewHome(t)
	ns := testkit.NewNetns(t)
	ns.Do(func() {
		f := failure{class: "application", cause: `^permission: a server of this user may not take 127\.0\.0\.1:81: ports below 1024 need a privilege$`,
			mend: `^take a port from 1024 upward, or give the server CAP_NET_BIND_SERVICE`}
		stdout, code := asNobody(t, h, "--bind", "127.0.0.1:81")
		f.expect(t, stdout, code)
	})
}

// All is well, directly, by a Unix socket and through a door that is asked for by either side.
func TestCheckOK(t *testing.T) {
	server := testkit.Redis(t)
	redis := strconv.Itoa(server.Port)
	greeter := served(t, func(c net.Conn) error {
		_, err := io.WriteString(c, "220 mail.example ready\r\n\x1b[2J")
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		return err
	})
	path := filepath.Join(shortDir(t), "s")
	testkit.Backend(t, testkit.BackendOptions{Network: "unix", Address: path})
	d := reachable(t, openDoor(t, redis))
	for _, tc := range []struct{ at, want string }{
		{greeter, `^ok: lodoor\.test \(pid \d+, user \S+\) answers at 127\.0\.0\.1:\d+ and says "220 mail\.example ready \[2J"$`},
		{"unix:" + path, `^ok: lodoor\.test \(pid \d+, user \S+\) answers at unix:/\S+/s$`},
		{redis, `^ok: redis-server \(pid \d+, user \S+\) answers at 127\.0\.0\.1:\d+, directly and through door \S+ at 127\.0\.0\.1:\d+$`},
		{d.portText(), `^ok: redis-server .* directly and through door \S+ at 127\.0\.0\.1:\d+$`},
		{d.addr(), `^ok: redis-server .* directly and through door \S+ at 127\.0\.0\.1:\d+$`},
	} {
		stdout, code := check(t, d.Home, tc.at)
		if code != exitOK || !regexp.MustCompile(tc.want).MatchString(lastLine(stdout)) || strings.Contains(stdout, "\x1b") {
			t.Errorf("check %s ended with %d:\n%s\nwant %s", tc.at, code, stdout, tc.want)
		}
	}
	stdout, code := check(t, d.Home, "--json", d.portText())
	var said checkup
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || code != exitOK {
		t.Fatalf("%d, %v: %s", code, err, stdout)
	}
	if said.Door == nil || said.Door.Front.At.String() != d.portText() || said.Verdict.Class != "ok" || said.Door.Backend.Listeners[0].PID != server.PID() {
		t.Errorf("%s", stdout)
	}
	d.settle()
}
