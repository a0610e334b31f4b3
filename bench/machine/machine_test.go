//go:build linux

package machine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBusy(t *testing.T) {
	for _, tc := range []struct {
		name, stat string
		want       time.Duration
		bad        bool
	}{
		{name: "all but idle, iowait, steal and guests", stat: "cpu  100 20 300 9000 9000 1 4 9000 9000 9000\ncpu0 1 1 1 1\n", want: 4250 * time.Millisecond},
		{name: "an old kernel", stat: "cpu  100 0 0 0\n", bad: true},
		{name: "no number", stat: "cpu  a 20 300 9000 9000 1 4 9000 0 0\n", bad: true},
		{name: "another file", stat: "intr 1 2 3 4 5 6 7 8\n", bad: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := busy(tc.stat)
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("got %v, %v; want %v, an error: %v", got, err, tc.want, tc.bad)
			}
		})
	}
	if _, err := Busy(); err != nil {
		t.Error(err)
	}
}

func TestParentOf(t *testing.T) {
	for _, tc := range []struct {
		stat        string
		pid, parent int
		bad         bool
	}{
		{stat: "12 (nginx) S 7 12 12 0", pid: 12, parent: 7},
		{stat: "12 (a) R 1 (b) c) S 7 12 12 0", pid: 12, parent: 7},
		{stat: "12 (cut", bad: true},
	} {
		pid, parent, err := parentOf(tc.stat)
		if (err != nil) != tc.bad || !tc.bad && (pid != tc.pid || parent != tc.parent) {
			t.Errorf("%q: %d, %d, %v", tc.stat, pid, parent, err)
		}
	}
}

func TestPSS(t *testing.T) {
	for _, tc := range []struct {
		rollup string
		want   int64
		bad    bool
	}{
		{rollup: "55 [rollup]\nRss:      1748 kB\nPss:       421 kB\nPss_Dirty:  9 kB\n", want: 421 * 1024},
		{rollup: "Rss: 1748 kB\n", bad: true},
		{rollup: "Pss: much kB\n", bad: true},
	} {
		if got, err := pss(tc.rollup); got != tc.want || (err != nil) != tc.bad {
			t.Errorf("%q: %d, %v", tc.rollup, got, err)
		}
	}
	if own, err := PSS([]int{os.Getpid()}); err != nil || own <= 0 {
		t.Errorf("own memory: %d, %v", own, err)
	}
}

func TestListening(t *testing.T) {
	echo := testkit.EchoServer(t)
	free := testkit.FreePort(t)
	for port, want := range map[int]bool{echo.Port(): true, free: false} {
		if got, err := Listening(port); got != want || err != nil {
			t.Errorf("port %d: %v, %v", port, got, err)
		}
	}
	if listening("  0: 0100007F:1F90 00000000:0000 01 0 0\n", 8080) {
		t.Error("a connection counts as a listener")
	}
}

func TestModel(t *testing.T) {
	for cpuinfo, want := range map[string]string{
		"processor\t: 0\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n": "AMD EPYC", "processor: 0\n": "unknown",
	} {
		if got := model(cpuinfo); got != want {
			t.Errorf("%q: %q", cpuinfo, got)
		}
	}
}

// TestChild starts a shell with a child of its own, sees both in the tree, and ends both.
func TestChild(t *testing.T) {
	testkit.Need(t, "sh", "sleep")
	c, err := Start(exec.Command("sh", "-c", "echo started; sleep 1000 & wait"), filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	var tree []int
	err = c.Until(t.Context(), "two processes", 10*time.Second, func() (bool, error) {
		var err error
		tree, err = Tree(c.PID())
		return len(tree) == 2 && c.Said() == "started", err
	})
	if err != nil || !slices.Contains(tree, c.PID()) {
		t.Errorf("%v of %d: %v", tree, c.PID(), err)
	}
	if code := c.ExitCode(); code != -1 {
		t.Errorf("it runs, and has ended with %d", code)
	}
	c.Stop(syscall.SIGTERM, 10*time.Second)
	testkit.Wait(t, "both to end", func() bool { left, err := Tree(tree...); return err == nil && len(left) == 0 }, 10*time.Second)
}

func TestUntilFails(t *testing.T) {
	testkit.Need(t, "sh", "sleep")
	never := func() (bool, error) { return false, nil }
	c, err := Start(exec.Command("sh", "-c", "echo why; exit 7"), filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Until(t.Context(), "nothing", time.Minute, never); err == nil || !strings.Contains(err.Error(), "it ended: why") {
		t.Errorf("an end is %v", err)
	}
	if code := c.ExitCode(); code != 7 {
		t.Errorf("it ended with %d", code)
	}
	stays, err := Start(exec.Command("sleep", "1000"), filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Stop(syscall.SIGTERM, time.Second)
	if err := stays.Until(t.Context(), "nothing", time.Millisecond, never); err == nil || !strings.Contains(err.Error(), "not within") {
		t.Errorf("the end of patience is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := stays.Until(ctx, "nothing", time.Minute, never); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt is %v", err)
	}
}

func TestOutput(t *testing.T) {
	testkit.Need(t, "sh", "sleep")
	if out, err := Output(t.Context(), exec.Command("sh", "-c", "echo out; echo more >&2")); out != "out\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
	if _, err := Output(t.Context(), exec.Command("sh", "-c", "echo why >&2; exit 3")); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("a failure is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := Output(ctx, exec.Command("sleep", "1000")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the end of patience is %v", err)
	}
}
