package testkit_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// shell starts a script.
func shell(t testing.TB, script string) *testkit.Child {
	t.Helper()
	return testkit.Start(t, exec.Command(testkit.Program(t, "sh"), "-c", script))
}

func TestChildOutputAndExitCode(t *testing.T) {
	c := shell(t, "echo out; echo err >&2; exit 3")
	if code := c.Wait(10 * time.Second); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if c.Stdout() != "out\n" || c.Stderr() != "err\n" {
		t.Errorf("stdout %q, stderr %q", c.Stdout(), c.Stderr())
	}
	if !c.Exited() {
		t.Error("Exited is false after Wait")
	}
}

func TestChildStop(t *testing.T) {
	c := shell(t, `trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 600 & wait; done`)
	testkit.Wait(t, "the trap", func() bool { return c.Stdout() == "ready\n" }, 10*time.Second)
	if code := c.Stop(); code != 7 || c.Stdout() != "ready\nasked\n" {
		t.Errorf("Stop: exit code %d, stdout %q", code, c.Stdout())
	}
	c.Kill() // over already: nothing happens
}

func TestWaitForChildFails(t *testing.T) {
	got := ending(t, func(tb testing.TB) {
		testkit.Start(tb, exec.Command(testkit.Program(t, "sh"), "-c", "echo stuck >&2; exec sleep 600")).Wait(0)
	})
	if !strings.Contains(got, "still runs after 0s") {
		t.Errorf("ended with %q", got)
	}
}

// TestGrandchildren: what a child leaves behind ends with it, whether it went by itself or was killed.
func TestGrandchildren(t *testing.T) {
	for _, tc := range []struct{ name, then string }{
		{"kill", "wait"},
		{"exit", "exit 0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := shell(t, "sleep 600 & echo $!; "+tc.then)
			testkit.Wait(t, "the grandchild", func() bool { return strings.HasSuffix(c.Stdout(), "\n") }, 10*time.Second)
			pid, err := strconv.Atoi(strings.TrimSpace(c.Stdout()))
			if err != nil {
				t.Fatal(err)
			}
			if tc.name == "kill" {
				c.Kill()
			}
			testkit.Wait(t, "the grandchild's end", func() bool { return gone(pid) }, 10*time.Second)
		})
	}
}

// gone says whether a process runs no more; one that nobody has buried yet is gone too.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestRun(t *testing.T) {
	if got := testkit.Run(t, "sh", "-c", "echo one; echo two >&2"); got != "one\n" {
		t.Errorf("output %q", got)
	}
	got := ending(t, func(tb testing.TB) { testkit.Run(tb, "sh", "-c", "echo one; echo two >&2; exit 4") })
	for _, want := range []string{"fatal: ", "exit status 4", "stdout:\none\n", "stderr:\ntwo\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("a failure says %q, without %q", got, want)
		}
	}
}

func TestWait(t *testing.T) {
	looks := 0
	testkit.Wait(t, "the third look", func() bool { looks++; return looks == 3 }, 10*time.Second)
	if looks != 3 {
		t.Errorf("%d looks, want 3", looks)
	}
	got := ending(t, func(tb testing.TB) {
		testkit.Wait(tb, "godot", func() bool { return false }, 20*time.Millisecond)
	})
	if got != "fatal: waited 20ms for godot" {
		t.Errorf("ended with %q", got)
	}
}

// TestHelperParent is not a test: it is the program that TestChildDiesWithItsParent kills.
func TestHelperParent(t *testing.T) {
	if os.Getenv("TESTKIT_HELPER") == "" {
		return
	}
	fmt.Fprintln(os.Stdout, "child", shell(t, "exec sleep 600").PID())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the end
}

// TestChildDiesWithItsParent: a test program that is killed leaves nothing running.
func TestChildDiesWithItsParent(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperParent$", "-test.v")
	cmd.Env = append(os.Environ(), "TESTKIT_HELPER=1")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	parent := testkit.Start(t, cmd)
	var pid int
	testkit.Wait(t, "the child's number", func() bool {
		_, after, found := strings.Cut(parent.Stdout(), "child ")
		n, err := fmt.Sscanf(after, "%d\n", &pid)
		return found && n == 1 && err == nil
	}, 20*time.Second)
	parent.Signal(syscall.SIGKILL)
	testkit.Wait(t, "the child's end", func() bool { return gone(pid) }, 10*time.Second)
}
