package origin

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// patient is how long a test waits for what must come.
const patient = time.Minute

// waiter is a seeker that waits for its answer.
type waiter chan flow.Origin

func (w waiter) Wanted() bool        { return true }
func (w waiter) Found(o flow.Origin) { w <- o }

func newWaiter() waiter { return make(waiter, 1) }

func (w waiter) wait(t testing.TB) flow.Origin {
	t.Helper()
	select {
	case o := <-w:
		return o
	case <-time.After(patient):
		t.Fatal("no answer")
		panic("unreachable")
	}
}

func running(t testing.TB, c ResolverConfig) *Resolver {
	t.Helper()
	r, err := NewResolver(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = r.Run(ctx) })
	t.Cleanup(func() { cancel(); group.Wait() })
	return r
}

// find is the answer about the client of an accepted connection.
func find(t testing.TB, r *Resolver, accepted net.Conn) flow.Origin {
	t.Helper()
	lead, known := leadOf(t, accepted)
	w := newWaiter()
	r.Seek(lead, known, time.Now().Add(patient), w)
	return w.wait(t)
}

func leadOf(t testing.TB, accepted net.Conn) (flow.Lead, flow.Origin) {
	t.Helper()
	d, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written
	return lookUp(d, accepted)
}

// lookUp does what package peer does.
func lookUp(d *sockdiag.Conn, accepted net.Conn) (flow.Lead, flow.Origin) {
	local, remote := addrPort(accepted.RemoteAddr()), addrPort(accepted.LocalAddr())
	s, err := d.Lookup(local, remote, 0)
	uid, known := s.Owner()
	if err != nil || !known {
		return flow.Lead{}, flow.Origin{}
	}
	return flow.Lead{Local: local, Remote: remote, Inode: uint64(s.Inode)},
		flow.Origin{Attribution: flow.AttributionUIDOnly, UID: uid}
}

func addrPort(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// accept takes a client that says who it is.
func accept(t testing.TB, l net.Listener) (c net.Conn, pid int) {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, whoSays(c)
}

func whoSays(c net.Conn) int {
	var b [4]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return 0
	}
	return int(binary.NativeEndian.Uint32(b[:]))
}

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

func TestFindsWhoeverItWasPassedTo(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	hand := listen(t, "unix", filepath.Join(t.TempDir(), "hand"))
	c := start(t, uint32(os.Geteuid()), "receive", hand.Addr().String())
	to, err := hand.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	own, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	raw, err := own.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, err = to.(*net.UnixConn).WriteMsgUnix([]byte("x"), unix.UnixRights(int(fd)), nil)
	})
	if _, errRead := io.ReadFull(to, make([]byte, 1)); errors.Join(err, errRead) != nil {
		t.Fatal(err, errRead)
	}
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

// The program changes while it is looked at: the answer is of one of them, not of both.
func TestDescribesOneProgram(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "become", l.Addr().String())
	_, pid := accept(t, l)
	s := newProcSearch(ResolverConfig{Users: NewUsers()})
	dir, err := s.fs.Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	calls := 0
	h := s.describe(dir, func() error {
		if calls++; calls == 1 {
			_, err := c.stdin.Write([]byte("\n"))
			testkit.Wait(t, "the exec", func() bool {
				b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				return string(b) == "cat\x00"
			}, patient)
			return err
		}
		return nil
	})
	if h == nil || h.process.Program != "cat" || calls != 2 {
		t.Errorf("%+v after %d looks", h, calls)
	}
}

func TestOtherUsers(t *testing.T) {
	testkit.NeedRoot(t)
	l := listen(t, "tcp4", "127.0.0.1:0")
	const stranger, nobody = 1234, 65534
	start(t, stranger, "stay", "tcp4", l.Addr().String())
	theirs, pid := accept(t, l)
	start(t, nobody, "stay", "tcp4", l.Addr().String())
	own, ownPID := accept(t, l)

	r := running(t, ResolverConfig{})
	if o := find(t, r, theirs); o.PID != pid || o.UID != stranger || o.Process.UID != stranger || len(r.Missing()) > 0 {
		t.Errorf("root sees %+v, and misses %v", o, r.Missing())
	}
	asNobody(t, func() {
		r, err := NewResolver(ResolverConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if m := r.Missing(); len(m) != 1 || !strings.Contains(m[0], "CAP_SYS_PTRACE") {
			t.Errorf("nobody misses %v", m)
		}
		seek := func(accepted net.Conn) flow.Origin {
			lead, known := leadOf(t, accepted)
			w := newWaiter()
			r.Seek(lead, known, time.Now().Add(patient), w)
			r.turn(t.Context()) // on this thread, which is nobody's
			return w.wait(t)
		}
		if o := seek(theirs); o.Attribution != flow.AttributionUIDOnly || o.UID != stranger || o.Process != nil {
			t.Errorf("nobody sees %+v", o)
		}
		if n := len(r.search.(*search).order); n > 0 {
			t.Errorf("%d processes were looked at in vain", n)
		}
		if o := seek(own); o.PID != ownPID || o.UID != nobody {
			t.Errorf("nobody sees its own process %d as %+v", ownPID, o)
		}
	})
}

// Which capabilities it takes is the kernel's to say.
func TestSight(t *testing.T) {
	testkit.NeedRoot(t)
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, 1234, "stay", "tcp4", l.Addr().String())
	accept(t, l)
	const ptrace, search, override = 1 << unix.CAP_SYS_PTRACE, 1 << unix.CAP_DAC_READ_SEARCH, 1 << unix.CAP_DAC_OVERRIDE
	for _, caps := range []uint32{0, ptrace, search, override, search | override, ptrace | search, ptrace | override} {
		withCapabilities(t, caps, func() {
			_, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", c.pid()))
			if got := newSight(); got.all != (err == nil) || !got.reaches(got.uid) {
				t.Errorf("with capabilities %#x: %+v, but %v", caps, got, err)
			}
		})
	}
}

// withCapabilities calls f on a thread of nobody that has these capabilities, and ends the thread.
func withCapabilities(t *testing.T, caps uint32, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		data := [2]unix.CapUserData{{Effective: caps, Permitted: caps}}
		_, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0)
		if errno == 0 {
			_, _, errno = unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534)
		}
		if errno != 0 {
			done <- errno
			return
		}
		if err := unix.Capset(&header, &data[0]); err != nil {
			done <- err
			return
		}
		f()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Of thousands of clients that leave at once none is taken for another.
func TestClientsThatLeaveAreNeverConfused(t *testing.T) {
	clients := 300
	if os.Getenv("LODOOR_SOAK") != "" {
		clients = 3000
	}
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	d, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written

	var group sync.WaitGroup
	var tally struct{ silent, unknown, right, stayed atomic.Int32 }
	group.Go(func() {
		for range clients {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			group.Go(func() {
				defer c.Close()
				lead, known := lookUp(d, c)
				w := newWaiter()
				r.Seek(lead, known, time.Now().Add(patient), w)
				pid, o := whoSays(c), <-w
				switch {
				case pid == 0:
					tally.silent.Add(1) // its reset was quicker than we
				case o.Process == nil:
					tally.unknown.Add(1)
				case o.PID != pid || o.Holders != nil:
					t.Errorf("client %d is taken for %+v", pid, o)
				default:
					tally.right.Add(1)
				}
			})
		}
	})
	ways := []string{"fin", "reset", "fin", "reset", "last"}
	places := make(chan struct{}, 32)
	for i := range clients {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			start(t, uint32(os.Geteuid()), "leave", l.Addr().String(), ways[i%len(ways)]).end()
		})
	}
	group.Wait()
	t.Logf("of %d clients %d were found, %d were not, %d did not say who they are", clients, tally.right.Load(),
		tally.unknown.Load(), tally.silent.Load())
	if stayed := int32(clients / len(ways)); tally.right.Load() < stayed {
		t.Errorf("%d clients stayed until they were found, and only %d were", stayed, tally.right.Load())
	}
}

// unixLead is what package peer finds out about the client of a Unix socket.
func unixLead(t *testing.T, accepted net.Conn) (l flow.Lead) {
	t.Helper()
	raw, err := accepted.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			l.PID = int(cred.Pid)
		}
		l.PIDFD, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestUnixClients(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "unix", filepath.Join(t.TempDir(), "door"))
	c := start(t, uint32(os.Geteuid()), "stay", "unix", l.Addr().String())
	accepted, pid := accept(t, l)
	seek := func(lead flow.Lead) flow.Origin {
		w := newWaiter()
		r.Seek(lead, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 5, PID: lead.PID}, time.Now().Add(patient), w)
		return w.wait(t)
	}
	first := unixLead(t, accepted)
	if first.PIDFD == 0 {
		testkit.Missing(t, "this kernel has no SO_PEERPIDFD")
	}
	o := seek(first)
	if o.Attribution != flow.AttributionExactConnect || o.PID != pid || pid != c.pid() || o.Process == nil || o.UID != 5 {
		t.Errorf("%+v; the client is %d", o, pid)
	}
	if o := seek(flow.Lead{PID: pid}); o.Attribution != flow.AttributionUIDOnly || o.PID != pid || o.Process != nil {
		t.Errorf("a number alone is no proof: %+v", o)
	}
	late := unixLead(t, accepted)
	c.end()
	if o := seek(late); o.Attribution != flow.AttributionUIDOnly || o.PID != pid || o.Process != nil {
		t.Errorf("a client that has left: %+v", o)
	}
	for _, fd := range []int{first.PIDFD, late.PIDFD} {
		if link, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); strings.Contains(link, "pidfd") {
			t.Errorf("descriptor %d is still open", fd)
		}
	}
}

// A lead's descriptor is closed also when nobody waits, when the time is up, and when nobody looks any more.
func TestLeadsAreClosed(t *testing.T) {
	r, err := NewResolver(ResolverConfig{})
	if err != nil {
		t.Fatal(err)
	}
	descriptors := countDescriptors(t)
	pidfd := func() int {
		fd, err := unix.PidfdOpen(os.Getpid(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	var gone, late, last asker
	gone.left.Store(true)
	lead := func() flow.Lead { return flow.Lead{PID: os.Getpid(), PIDFD: pidfd()} }
	r.Seek(lead(), flow.Origin{}, time.Now().Add(patient), &gone)
	r.Seek(lead(), flow.Origin{}, time.Now(), &late)
	r.turn(t.Context())
	r.Seek(lead(), flow.Origin{}, time.Now().Add(patient), &last)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = r.Run(ctx)
	after := newWaiter()
	r.Seek(lead(), flow.Origin{}, time.Now().Add(patient), after)
	after.wait(t)
	if got := countDescriptors(t); got != descriptors || len(gone.got()) != 0 || len(late.got()) != 1 || len(last.got()) != 1 {
		t.Errorf("%d descriptors, then %d; answers %d, %d, %d", descriptors, got, len(gone.got()), len(late.got()), len(last.got()))
	}
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// Another process gets the number of one that was found, that is being looked at, or that a Unix client had.
func TestReusedNumberIsAnotherProcess(t *testing.T) {
	testkit.NeedRoot(t)
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	first := start(t, 0, "stay", "tcp4", l.Addr().String())
	accepted, pid := accept(t, l)
	found := find(t, r, accepted)
	lead, known := leadOf(t, accepted)
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newProcSearch(ResolverConfig{Users: NewUsers()})
	dir, err := s.fs.Open(pid)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	h := s.describe(dir, func() error {
		first.end()
		reuse(t, pid, l.Addr().String())
		return nil
	})
	if h != nil {
		t.Errorf("the first process is described with what the second one holds: %+v", h.process)
	}
	again, said := accept(t, l)
	if said != pid {
		t.Fatalf("process %d connected, not %d", said, pid)
	}
	w := newWaiter()
	r.Seek(lead, known, time.Now().Add(patient), w)
	if o := w.wait(t); o.Process != nil {
		t.Errorf("the second process is blamed for the first one's socket: %+v", o)
	}
	if o := find(t, r, again); o.PID != pid || o.Process == found.Process {
		t.Errorf("the second process is taken for the first one: %+v", o)
	}
	w = newWaiter()
	r.Seek(flow.Lead{PID: pid, PIDFD: pidfd}, known, time.Now().Add(patient), w)
	if o := w.wait(t); o.Process != nil {
		t.Errorf("the second process is taken for the first one, which had connected to a Unix socket: %+v", o)
	}
}

// reuse starts a client with a number that is free.
func reuse(t *testing.T, pid int, address string) {
	t.Helper()
	for range 200 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o600); err != nil {
			testkit.Missing(t, "process numbers cannot be chosen: %v", err)
		}
		c := start(t, 0, "stayLater", "tcp4", address)
		if c.pid() == pid {
			if _, err := c.stdin.Write([]byte("\n")); err != nil {
				t.Fatal(err)
			}
			return
		}
		c.end()
	}
	t.Fatalf("somebody else always was quicker to get number %d", pid)
}
