package origin

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

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

// Without /proc nobody is found, and it is said.
func TestWithoutProc(t *testing.T) {
	testkit.NeedRoot(t)
	r := running(t, ResolverConfig{Proc: t.TempDir() + "/none"})
	if m := r.Missing(); len(m) != 1 || !strings.Contains(m[0], "mount proc(5)") {
		t.Errorf("%v", m)
	}
	w := newWaiter()
	r.Seek(flow.Lead{Inode: 5}, flow.Origin{Attribution: flow.AttributionUIDOnly, UID: 9}, time.Now().Add(patient), w)
	if o := w.wait(t); o.UID != 9 || o.Process != nil {
		t.Errorf("%+v", o)
	}
}
