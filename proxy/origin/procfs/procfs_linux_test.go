package procfs

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

func inodeOf(t testing.TB, c syscall.Conn) uint64 {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	_ = raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) })
	if err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestHoldersOfOwnSocket(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := New("").Holders(ctx, inodeOf(t, l.(*net.TCPListener)))
	if err != nil || len(got) != 1 || got[0].PID != os.Getpid() || got[0].PPID != os.Getppid() {
		t.Fatalf("%+v, %v", got, err)
	}
	if exe, _ := os.Executable(); got[0].Program != filepath.Base(exe) || int(got[0].UID) != os.Geteuid() {
		t.Errorf("%+v", got[0])
	}
}

// A socket of root, looked for by somebody else: it is not absent, it may not be seen.
func TestHoldersNotPermitted(t *testing.T) {
	testkit.NeedRoot(t)
	root := t.TempDir()
	for dir := root; dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	tr := tree{t, root}
	tr.process(5, 1, 0, "secret", "", 77)
	for _, name := range []string{"", "5"} {
		if err := os.Chmod(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, func() {
		if got, err := New(root).Holders(t.Context(), 77); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The same on the real /proc, where it is the kernel that does not permit.
func TestHoldersOfAnotherUsersProcess(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "sleep")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	inode := inodeOf(t, l.(*net.TCPListener))
	cmd := exec.Command("sleep", "60")
	cmd.ExtraFiles = []*os.File{file}
	if err := errors.Join(cmd.Start(), file.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	asNobody(t, func() {
		if got, err := New("").Holders(t.Context(), inode); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%+v, %v", got, err)
		}
	})
	got, err := New("").Holders(t.Context(), inode)
	if err != nil || len(got) != 1 || got[0].PID != cmd.Process.Pid || got[0].Program != "sleep" {
		t.Errorf("%+v, %v; want process %s", got, err, strconv.Itoa(cmd.Process.Pid))
	}
}

// asNobody calls f on a thread that belongs to nobody, without root's capabilities.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := func(uid uintptr) {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
			t.Fatalf("become user %d: %v", uid, errno)
		}
	}
	set(65534)
	defer set(0)
	f()
}

func BenchmarkHolders(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	inode := inodeOf(b, l.(*net.TCPListener))
	for b.Loop() {
		if _, err := New("").Holders(b.Context(), inode); err != nil {
			b.Fatal(err)
		}
	}
}
