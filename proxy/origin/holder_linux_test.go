package origin

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func endpoint(host string, l net.Listener) flow.Endpoint {
	return flow.Endpoint{Host: host, Port: l.Addr().(*net.TCPAddr).AddrPort().Port()}
}

func me(t *testing.T) Holder {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	uid := uint32(os.Geteuid())
	return Holder{
		Listening: true, PID: os.Getpid(), Program: filepath.Base(exe), UID: uid, UIDKnown: true, User: findUser(uid),
	}
}

func TestHolderOfTCP(t *testing.T) {
	for _, tc := range []struct {
		network, listen, host string
		found                 bool
	}{
		{"tcp4", "127.0.0.1:0", "127.0.0.1", true},
		{"tcp4", "127.0.0.1:0", "", true},
		{"tcp4", "127.0.0.1:0", "localhost", true},
		{"tcp4", "127.0.0.1:0", "0.0.0.0", true},
		{"tcp4", "127.0.0.1:0", "127.0.0.2", false},
		{"tcp4", "127.0.0.1:0", "::1", false},
		{"tcp6", "[::1]:0", "::1", true},
		{"tcp6", "[::1]:0", "", true},
		{"tcp6", "[::]:0", "127.0.0.1", false},
		{"tcp", "[::]:0", "127.0.0.1", true},
	} {
		want := Holder{}
		if tc.found {
			want = me(t)
		}
		l := listen(t, tc.network, tc.listen)
		if got := HolderOf(t.Context(), endpoint(tc.host, l)); got != want {
			t.Errorf("%+v: %v; want %v", tc, got, want)
		}
		_ = l.Close()
	}
}

func TestHolderOfOwnAddress(t *testing.T) {
	n := testkit.NewNetwork(t)
	n.Host.Do(func() {
		l := listen(t, "tcp4", netip.AddrPortFrom(n.Host4, 0).String())
		if got := HolderOf(t.Context(), endpoint(n.Host4.String(), l)); got != me(t) {
			t.Errorf("%v", got)
		}
		if got := HolderOf(t.Context(), endpoint(n.Remote4.String(), l)); got.Err == nil {
			t.Error("an address of another host has no error")
		}
	})
}

func TestHolderOfUnixSocket(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "other")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "door")
	abstract := "@lodoor-holder-" + filepath.Base(filepath.Dir(dir))
	listen(t, "unix", path)
	listen(t, "unix", abstract)
	for name, want := range map[string]Holder{
		path: me(t), filepath.Join(dir, "other", "door"): me(t), abstract: me(t), filepath.Join(dir, "none"): {},
	} {
		if got := HolderOf(t.Context(), flow.Endpoint{Path: name}); got != want {
			t.Errorf("%s: %v; want %v", name, got, want)
		}
	}
}

// The socket belongs to root, its process is root's, and nobody asks.
func TestHolderIsAnotherUsersProcess(t *testing.T) {
	testkit.NeedRoot(t)
	testkit.Need(t, "sleep")
	l := listen(t, "tcp4", "127.0.0.1:0")
	at := endpoint("127.0.0.1", l)
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "60")
	cmd.ExtraFiles = []*os.File{file}
	if err := errors.Join(cmd.Start(), file.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	want := Holder{Listening: true, PID: cmd.Process.Pid, Program: "sleep", UIDKnown: true, User: "root"}
	if got := HolderOf(t.Context(), at); got != want {
		t.Errorf("root sees %v; want %v", got, want)
	}
	asNobody(t, func() {
		got := HolderOf(t.Context(), at)
		if got.String() != "another user's process (user root)" {
			t.Errorf("nobody sees %v", got)
		}
	})
}

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

// Without the time to read /proc the answer is what the socket says.
func TestHolderWithoutTime(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := HolderOf(ctx, endpoint("", l))
	want := me(t)
	want.PID, want.Program = 0, ""
	if got != want {
		t.Errorf("%+v", got)
	}
}
