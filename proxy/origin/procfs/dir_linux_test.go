package procfs

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestOpenNobody(t *testing.T) {
	if _, err := New(t.TempDir()).Open(5); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestHolds(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	inode := inodeOf(t, l.(*net.TCPListener))
	d := open(t, New(""), os.Getpid())
	holds := func(when string, inode uint64, want bool) {
		t.Helper()
		if got, err := d.Holds(inode); got != want || err != nil {
			t.Errorf("%s: %t, %v", when, got, err)
		}
	}
	holds("at first", inode, true)
	holds("and again", inode, true)
	holds("nothing", 0, false)
	holds("another", inode+1<<40, false)
	holds("the first once more", inode, true)
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	holds("at another place", inode, true)
	_ = file.Close()
	holds("no more", inode, false)
}

func TestHoldsNotPermitted(t *testing.T) {
	testkit.NeedRoot(t)
	c := testkit.Start(t, exec.Command(testkit.Program(t, "sleep"), "60"))
	asNobody(t, func() {
		if _, err := open(t, New(""), c.PID()).Holds(7); !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
	})
}

// A number that is in use again: what was opened is never the new process.
func TestReusedNumber(t *testing.T) {
	testkit.NeedRoot(t)
	sleep := testkit.Program(t, "sleep")
	old := testkit.Start(t, exec.Command(sleep, "61"))
	d := open(t, New(""), old.PID())
	if _, err := d.Describe(Options{}); err != nil {
		t.Fatal(err)
	}
	old.Kill()
	again := reuse(t, old.PID(), sleep, "62")
	if p := describe(t, again.PID()); p.PID != old.PID() || p.CommandLine != sleep+" 62" {
		t.Fatalf("%+v", p)
	}
	if p, err := d.Describe(Options{}); !gone(err) {
		t.Errorf("described as %+v, %v", p, err)
	}
	if s, err := d.Stamp(); !gone(err) {
		t.Errorf("stamp %+v, %v", s, err)
	}
	if holds, err := d.Holds(7); holds || !gone(err) {
		t.Errorf("holds %t, %v", holds, err)
	}
}

func gone(err error) bool { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }

// reuse starts a program with a number. Whoever starts a process at the same time may get it first.
func reuse(t *testing.T, pid int, name string, args ...string) *testkit.Child {
	t.Helper()
	for range 500 {
		err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
		if err != nil {
			testkit.Missing(t, "numbers cannot be chosen: %v", err)
		}
		c := testkit.Start(t, exec.Command(name, args...))
		if c.PID() == pid {
			return c
		}
		c.Kill()
	}
	t.Fatalf("number %d did not come again", pid)
	return nil
}

func BenchmarkHoldsAgain(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	d, inode := open(b, New(""), os.Getpid()), inodeOf(b, l.(*net.TCPListener))
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := d.Holds(inode); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
