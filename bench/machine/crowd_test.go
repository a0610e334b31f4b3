//go:build linux

package machine

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
)

// TestCrowd counts what a crowd has, and sees it go.
func TestCrowd(t *testing.T) {
	testkit.Need(t, "sleep")
	before := Descriptors(os.Getpid(), "socket:[")
	c, err := Gather(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	pids := c.PIDs()
	for _, pid := range pids {
		all, sockets := Descriptors(pid, ""), Descriptors(pid, "socket:[")
		if all < CrowdDescriptors || sockets < 2*crowdSockets {
			t.Errorf("process %d has %d descriptors and %d sockets", pid, all, sockets)
		}
	}
	if after := Descriptors(os.Getpid(), "socket:["); len(pids) != 3 || after != before {
		t.Errorf("%d processes; %d own sockets before, %d with the crowd", len(pids), before, after)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if left, err := Tree(pids...); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestCrowdThins is a crowd of which one has gone: figures among it would not be what they are said to be.
func TestCrowdThins(t *testing.T) {
	testkit.Need(t, "sleep")
	c, err := Gather(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.PIDs()[0], syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	gone := func() bool {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, c.PIDs()[0], &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		return err == nil && info.Signo != 0
	}
	testkit.Wait(t, "one to go", gone, 10*time.Second)
	if err := c.Close(); err == nil || !strings.Contains(err.Error(), "had ended: signal: terminated") {
		t.Errorf("got %v", err)
	}
}

// TestConsumed works, and sees the processor time grow by as much as the kernel says of the own process.
func TestConsumed(t *testing.T) {
	own := func() time.Duration {
		var usage unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
			t.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	sum := 0
	for began := own(); own()-began < 20*time.Millisecond; {
		sum += len(slices.Repeat([]int{1}, 1000))
	}
	low := own()
	got, err := Consumed([]int{os.Getpid()})
	high := own()
	// The kernel gives rusage in whole microseconds, each of its two parts cut off.
	if err != nil || sum == 0 || got < low-time.Microsecond || got > high+10*time.Microsecond {
		t.Errorf("%v, %v, by rusage from %v to %v", got, err, low, high)
	}
	if twice, err := Consumed([]int{os.Getpid(), os.Getpid()}); err != nil || twice < 2*got {
		t.Errorf("two processes used %v, one %v: %v", twice, got, err)
	}
	if _, err := Consumed([]int{1<<22 + 1}); err == nil {
		t.Error("a process that is not there has used time")
	}
}
