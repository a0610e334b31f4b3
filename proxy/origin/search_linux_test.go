package origin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestFindsAChild(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "stay", "tcp4", l.Addr().String())
	accepted, pid := accept(t, l)
	o := find(t, r, accepted)
	if o.Attribution != flow.AttributionLiveSocket || o.PID != pid || pid != c.pid() || o.Process == nil || o.Holders != nil ||
		o.Program != o.Process.Program || o.Process.Parents[0].PID != os.Getpid() || o.UID != uint32(os.Geteuid()) ||
		o.Process.User != NewUsers().Name(o.UID) {
		t.Fatalf("%+v, %+v; the client is %d", o, o.Process, pid)
	}
	if again := find(t, r, accepted); again.Process != o.Process {
		t.Error("the same process is two")
	}
	lead, known := leadOf(t, accepted)
	c.end()
	w := newWaiter()
	r.Seek(lead, known, time.Now().Add(patient), w)
	if o := w.wait(t); o.Process != nil || o.Attribution != flow.AttributionUIDOnly {
		t.Errorf("after it has ended: %+v", o)
	}
}

// Java and Node connect to 127.0.0.1 with an IPv6 socket.
func TestFindsIPv4ByAnIPv6Socket(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	to := &unix.SockaddrInet6{Port: int(addrPort(l.Addr()).Port()), Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if o := find(t, running(t, ResolverConfig{}), accepted); o.PID != os.Getpid() || o.Holders != nil {
		t.Errorf("%+v", o)
	}
}

func TestFindsAllWhoInherited(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "inherit", l.Addr().String())
	accepted, pid := accept(t, l)
	line, err := bufio.NewReader(c.out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	heir, _ := strconv.Atoi(strings.TrimSpace(line))
	for range 2 { // whoever shares is not believed to be alone the next time
		o := find(t, r, accepted)
		if o.PID != pid || len(o.Holders) != 2 || !holds(o, pid) || !holds(o, heir) {
			t.Errorf("%d, which has started %d: %+v", pid, heir, o)
		}
	}
}

func holds(o flow.Origin, pid int) bool {
	for _, p := range o.Processes() {
		if p.PID == pid {
			return true
		}
	}
	return false
}

// receiver is a child that takes a descriptor from to, and keeps it.
func receiver(t *testing.T) (c *child, to *net.UnixConn) {
	t.Helper()
	hand := listen(t, "unix", filepath.Join(t.TempDir(), "hand"))
	c = start(t, uint32(os.Geteuid()), "receive", hand.Addr().String())
	accepted, err := hand.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = accepted.Close() })
	return c, accepted.(*net.UnixConn)
}

// pass gives a socket to a receiver, and returns when it has it.
func pass(t *testing.T, own syscall.Conn, to *net.UnixConn) {
	t.Helper()
	raw, err := own.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, err = to.WriteMsgUnix([]byte("x"), unix.UnixRights(int(fd)), nil)
	})
	if _, errRead := io.ReadFull(to, make([]byte, 1)); errors.Join(err, errRead) != nil {
		t.Fatal(err, errRead)
	}
}

func TestFindsWhoeverItWasPassedTo(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	c, to := receiver(t)
	own, accepted := connect(t, l)
	pass(t, own.(*net.TCPConn), to)
	o := find(t, r, accepted)
	if o.PID != os.Getpid() || len(o.Holders) != 2 || !holds(o, c.pid()) {
		t.Errorf("both have it: %+v", o)
	}
	_ = own.Close()
	if o := find(t, r, accepted); o.PID != c.pid() || o.Holders != nil {
		t.Errorf("the child alone has it: %+v", o)
	}
}

func TestFindsWhatItBecame(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "become", l.Addr().String())
	accepted, pid := accept(t, l)
	before := find(t, r, accepted)
	if before.PID != pid || before.Program == "cat" {
		t.Fatalf("%+v", before)
	}
	if _, err := c.stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	testkit.Wait(t, "the exec", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return string(b) == "cat\n"
	}, patient)
	after := find(t, r, accepted)
	if after.PID != pid || after.Program != "cat" || after.Process == before.Process {
		t.Errorf("%+v, %+v", after, after.Process)
	}
}
