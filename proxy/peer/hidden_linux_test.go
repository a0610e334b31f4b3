package peer

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// In a user namespace the kernel says 65534 for all users that it does not map: they are unknown, and not nobody.
func TestUsersOutsideTheUserNamespaceAreUnknown(t *testing.T) {
	if os.Getenv("LODOOR_TEST_ADDRESS") == "" {
		testkit.NeedRoot(t)
		inUserNamespace(t)
		return
	}
	id := newHidden(t)
	l := listen(t, id, "tcp4", os.Getenv("LODOOR_TEST_ADDRESS"))
	_, _ = os.Stdout.WriteString("listening " + l.Addr().String() + "\n")
	p, o, _ := id.Identify(accept(t, l))
	want{flow.ZoneLoopback, flow.ProofIngress, "lo"}.check(t, p)
	if o.Known() {
		t.Errorf("origin %+v of a user that is not mapped", o)
	}
}

// newHidden is an Identifier that says that users are hidden from it.
func newHidden(t *testing.T) *Identifier {
	t.Helper()
	id, err := New(Config{})
	must(t, err)
	t.Cleanup(func() { _ = id.Close() })
	if m := strings.Join(id.Missing(), "\n"); !strings.Contains(m, "user namespace") {
		t.Errorf("missing: %q", m)
	}
	return id
}

// inUserNamespace runs this test again in a user namespace that maps one user, and connects to it as another.
func inUserNamespace(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "LODOOR_TEST_ADDRESS=127.0.0.1:0")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
	}
	runHidden(t, cmd)
}

func runHidden(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		testkit.Missing(t, "user namespaces are not allowed: %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // when it has ended that does nothing
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if _, at, ok := strings.Cut(lines.Text(), "listening "); ok {
			to := netip.MustParseAddrPort(at)
			as(t, 65000, func() { // any user but the mapped one
				fd := client{to: to.Addr().String()}.dial(t, to.Port())
				t.Cleanup(func() { _ = unix.Close(fd) })
			})
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, all.String())
	}
}
