package origin

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// A process that goes elsewhere between two connections is told with the folder in which it was seen with each. It is
// believed to hold its sockets alone as before: going elsewhere costs no scan.
func TestTellsTheFolderOfEachConnection(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "wander", l.Addr().String())
	s := newProcSearch(ResolverConfig{Users: NewUsers()})
	look := func(accepted net.Conn, quick bool) (o flow.Origin) {
		t.Helper()
		lead, known := leadOf(t, accepted)
		w := newWaiter()
		p := &party{now: time.Now, seeks: []seek{{lead: lead, known: known, deadline: time.Now().Add(patient), by: w}}}
		p.ask(time.Now())
		if s.glance(t.Context(), p); p.seeks[0].over != quick {
			t.Errorf("a glance has answered: %t", !quick)
		}
		if !p.seeks[0].over {
			s.scan(t.Context(), p)
		}
		return w.wait(t)
	}
	accepted, _ := accept(t, l)
	last := look(accepted, false)
	for range 3 {
		folder, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(c.stdin, folder); err != nil {
			t.Fatal(err)
		}
		accepted, _ = accept(t, l)
		o := look(accepted, true)
		if o.PID != c.pid() || o.Process.WorkingDirectory != folder || o.Process == last.Process {
			t.Errorf("%+v; it is in %s", o.Process, folder)
		}
		if again := look(accepted, true); again.Process != o.Process {
			t.Error("the same process at the same place is two")
		}
		last = o
	}
}

// A process that is moved to a container's control group is in that container from then on.
func TestTellsTheGroupOfEachConnection(t *testing.T) {
	id := testkit.ContainerID()
	group := testkit.NewCgroup(t, "docker-"+id+".scope")
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	c := start(t, uint32(os.Geteuid()), "wander", l.Addr().String())
	accepted, pid := accept(t, l)
	if o := find(t, r, accepted); o.PID != pid || o.Process.Container.ID != "" {
		t.Errorf("%+v", o.Process)
	}
	group.Add(pid)
	if _, err := fmt.Fprintln(c.stdin, "."); err != nil {
		t.Fatal(err)
	}
	second, _ := accept(t, l)
	for _, accepted := range []net.Conn{second, accepted} { // the first connection is of a process in the group now, too
		o := find(t, r, accepted)
		if o.PID != pid || o.Process.Container != (flow.Container{ID: id, Runtime: "docker"}) ||
			o.Process.Unit != "docker-"+id+".scope" || !strings.HasSuffix(o.Process.Cgroup, o.Process.Unit) {
			t.Errorf("%+v", o.Process)
		}
	}
}

// When an ancestor ends its children get another parent: who has ended is not told of any more, whether it was the
// parent (as of a daemon that forks twice) or one further up.
func TestTellsTheAncestorsOfEachConnection(t *testing.T) {
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	top := start(t, uint32(os.Geteuid()), "descend", "2", "tcp4", l.Addr().String())
	accepted, pid := accept(t, l)
	first := find(t, r, accepted)
	if p := first.Process; p == nil || p.PID != pid || len(p.Parents) < 3 || p.Parents[1].PID != top.pid() ||
		p.Parents[2].PID != os.Getpid() {
		t.Fatalf("%+v", p)
	}
	parent := first.Process.Parents[0].PID
	for _, end := range []struct{ pid, child int }{{top.pid(), parent}, {parent, pid}} {
		if err := unix.Kill(end.pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		foster := 0
		testkit.Wait(t, "another parent", func() bool {
			p, err := procfs.New("").Process(end.child)
			foster = p.PPID
			return err == nil && foster != end.pid
		}, patient)
		o := find(t, r, accepted)
		if o.PID != pid || isAncestor(o.Process, end.pid) || foster > 0 && !isAncestor(o.Process, foster) {
			t.Errorf("%d has ended, and the parent of %d is %d: %+v", end.pid, end.child, foster, o.Process)
		}
		if again := find(t, r, accepted); again.Process != o.Process {
			t.Error("the same process is two")
		}
	}
}
