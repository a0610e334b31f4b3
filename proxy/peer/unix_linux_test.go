package peer

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// connectChild starts a process that connects to a Unix socket and stays until its standard input ends.
func connectChild(t *testing.T, path string) (pid int, leave func()) {
	t.Helper()
	testkit.Need(t, "python3")
	cmd := exec.Command("python3", "-c", "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\nsys.stdin.read()", path)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	left := false
	leave = func() {
		if !left {
			left = true
			_ = stdin.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(leave)
	return cmd.Process.Pid, leave
}

func TestUnixPeerHasAProcess(t *testing.T) {
	id := newIdentifier(t)
	l := listen(t, id, "unix", filepath.Join(t.TempDir(), "door"))
	pid, leave := connectChild(t, l.Addr().String())
	s := acceptUnix(t, l)
	_, o, lead := id.Identify(s)
	if lead.PID != pid || o.PID != pid {
		t.Fatalf("process %d is told as %d and %d", pid, lead.PID, o.PID)
	}
	if !holds(t, pid, lead.Inode) {
		t.Errorf("process %d does not hold socket %d", pid, lead.Inode)
	}
	if lead.PIDFD == 0 {
		testkit.Missing(t, "this kernel has no SO_PEERPIDFD")
	}
	defer unix.Close(lead.PIDFD) //nolint:errcheck // nothing was written
	if flags, err := unix.FcntlInt(uintptr(lead.PIDFD), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x, %v: a child would inherit it", flags, err)
	}
	if got := pidOf(t, lead.PIDFD); got != pid {
		t.Errorf("the descriptor is of process %d, not %d", got, pid)
	}
	if err := unix.PidfdSendSignal(lead.PIDFD, 0, nil, 0); err != nil {
		t.Errorf("the process lives: %v", err)
	}
	leave()
	if err := unix.PidfdSendSignal(lead.PIDFD, 0, nil, 0); err == nil {
		t.Error("the process is gone, and its descriptor does not say so")
	}
}

// Before Linux 6.5 there is no descriptor of who connected: the client's socket leads to it all the same.
func TestUnixPeerOfAnOldKernel(t *testing.T) {
	id := newIdentifier(t)
	id.pidfd = func(int) int { return 0 }
	l := listen(t, id, "unix", filepath.Join(t.TempDir(), "door"))
	pid, _ := connectChild(t, l.Addr().String())
	_, o, lead := id.Identify(acceptUnix(t, l))
	if lead.PIDFD != 0 || lead.PID != pid || o.Attribution != flow.AttributionUIDOnly || !holds(t, pid, lead.Inode) {
		t.Errorf("process %d is told by %+v, %+v", pid, lead, o)
	}
}

// holds says whether a process has the socket with an inode.
func holds(t *testing.T, pid int, inode uint64) bool {
	t.Helper()
	held, err := procfs.New("").Holders(t.Context(), inode)
	return err == nil && len(held) == 1 && held[0].PID == pid
}

// pidOf is the process that a pidfd is of.
func pidOf(t *testing.T, pidfd int) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	must(t, err)
	_, rest, _ := strings.Cut(string(b), "\nPid:")
	line, _, _ := strings.Cut(rest, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	return pid
}

// A client that has left before it was looked at. Newer kernels have a descriptor of it all the same, of a process that
// is gone.
func TestUnixPeerThatLeft(t *testing.T) {
	id := newIdentifier(t)
	l := listen(t, id, "unix", filepath.Join(t.TempDir(), "door"))
	pid, leave := connectChild(t, l.Addr().String())
	s := acceptUnix(t, l)
	leave()
	_, o, lead := id.Identify(s)
	if lead.PID != pid || o.PID != pid {
		t.Errorf("process %d is told as %d and %d", pid, lead.PID, o.PID)
	}
	if lead.Inode != 0 {
		t.Errorf("nobody has its socket, and it is told as %d", lead.Inode)
	}
	if lead.PIDFD != 0 {
		defer unix.Close(lead.PIDFD) //nolint:errcheck // nothing was written
		if unix.PidfdSendSignal(lead.PIDFD, 0, nil, 0) == nil {
			t.Error("a living process was told for one that is gone")
		}
	}
}

// Identifying takes no descriptor but the one that the lead has.
func TestUnixPeersLeaveNoDescriptors(t *testing.T) {
	id := newIdentifier(t)
	l := listen(t, id, "unix", filepath.Join(t.TempDir(), "door"))
	c, err := net.Dial("unix", l.Addr().String())
	must(t, err)
	defer c.Close()
	s := acceptUnix(t, l)
	before := countDescriptors(t)
	for range 50 {
		_, _, lead := id.Identify(s)
		if lead.PIDFD != 0 {
			must(t, unix.Close(lead.PIDFD))
		}
	}
	if after := countDescriptors(t); after != before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(all)
}
