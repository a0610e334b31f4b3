package origin

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

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
