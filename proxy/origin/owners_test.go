package origin

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// roster is a system with a list of sockets. The socket of process 7 has port 7, and so on.
type roster struct {
	takes     time.Duration
	lists     atomic.Int32
	ended     atomic.Int32
	completed int
	owned     ownership
	began     map[int]time.Time
	programs  map[int]string
}

func newRoster(pids ...int) *roster {
	l := &roster{owned: ownership{}, began: map[int]time.Time{}, programs: map[int]string{}}
	for _, pid := range pids {
		l.owned.add(endsOf(pid), pid)
		l.began[pid], l.programs[pid] = time.Now().Add(-time.Hour), "p"+strconv.Itoa(pid)
	}
	return l
}

func endsOf(port int) ends {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return ends{netip.AddrPortFrom(loopback, uint16(port)), netip.MustParseAddrPort("127.0.0.1:5432")}
}

func (l *roster) owners(ctx context.Context) (ownership, error) {
	l.lists.Add(1)
	defer l.ended.Add(1)
	select {
	case <-time.After(l.takes):
		return l.owned, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *roster) look(pid int) (*flow.Process, error) {
	if l.programs[pid] == "" {
		return nil, errors.New("there is no such process")
	}
	return &flow.Process{PID: pid, Started: l.began[pid], Program: l.programs[pid], UID: 501, User: "kim"}, nil
}

func (l *roster) complete(_ context.Context, p *flow.Process) {
	l.completed++
	p.Executable.Path = "/bin/" + p.Program
	if p.PID == 9 {
		p.Parents = []flow.Ancestor{{PID: 8, Program: "p8"}}
	}
}

// withOwners runs a test whose time is not real.
func withOwners(t *testing.T, pids []int, test func(*testing.T, *roster, func(port int, within time.Duration) *asker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newRoster(pids...)
		forwarder := func(_ context.Context, p *flow.Process) *flow.Forwarder {
			if p.Program != "p8" {
				return nil
			}
			return &flow.Forwarder{Name: "eight", PID: p.PID}
		}
		s := newOwnerSearch(ResolverConfig{Forwarder: forwarder}, l, time.Second)
		r := newResolver(s, time.Now, func() time.Duration { return 0 })
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		test(t, l, func(port int, within time.Duration) *asker {
			a, at := &asker{}, endsOf(port)
			// With an inode, since that is what leads on Linux, where this test runs.
			lead := flow.Lead{Local: at.local, Remote: at.remote, Inode: 1}
			r.Seek(lead, flow.Origin{}, time.Now().Add(within), a)
			return a
		})
		cancel()
		running.Wait()
	})
}

func (a *asker) process(t *testing.T) *flow.Process {
	t.Helper()
	got := a.got()
	if len(got) != 1 {
		t.Fatalf("%d answers", len(got))
	}
	return got[0].Process
}

func TestOwnersFindsWhoHoldsASocket(t *testing.T) {
	withOwners(t, []int{7}, func(t *testing.T, l *roster, ask func(int, time.Duration) *asker) {
		first, second, nobody := ask(7, time.Minute), ask(7, time.Minute), ask(6, time.Minute)
		passed(time.Second / 2)
		p := first.process(t)
		if p == nil || p.PID != 7 || p.Executable.Path != "/bin/p7" || p != second.process(t) {
			t.Errorf("%+v", p)
		}
		o := first.got()[0]
		if o.Attribution != flow.AttributionLiveSocket || o.UID != 501 || o.User != "kim" || o.Program != "p7" ||
			o.PID != 7 || o.Holders != nil || o.Forwarder != nil {
			t.Errorf("%+v", o)
		}
		if got := nobody.got(); len(got) != 1 || got[0].Known() {
			t.Errorf("a socket that nobody has is %+v", got)
		}
		if l.lists.Load() != 1 || l.completed != 1 {
			t.Errorf("%d lists, %d processes looked into", l.lists.Load(), l.completed)
		}
	})
}

func TestOwnersAsksOnceASecond(t *testing.T) {
	withOwners(t, []int{7, 8}, func(t *testing.T, l *roster, ask func(int, time.Duration) *asker) {
		began := time.Now()
		ask(7, time.Minute)
		passed(100 * time.Millisecond)
		later, hasty := ask(7, time.Minute), ask(8, 200*time.Millisecond)
		passed(300 * time.Millisecond)
		if got := hasty.got(); len(got) != 1 || got[0].Known() || l.lists.Load() != 1 {
			t.Errorf("who does not wait so long has %+v after %d lists", got, l.lists.Load())
		}
		passed(time.Second)
		if later.process(t) == nil || l.lists.Load() != 2 {
			t.Errorf("%d lists", l.lists.Load())
		}
		if waited := later.at.Sub(began); waited < time.Second || waited > time.Second+100*time.Millisecond {
			t.Errorf("the second list came after %v", waited)
		}
	})
}

// A process that has begun since the list was asked for has the number of another one.
func TestOwnersBlamesNobodyWhoCameLater(t *testing.T) {
	withOwners(t, []int{7, 8}, func(t *testing.T, l *roster, ask func(int, time.Duration) *asker) {
		l.began[7] = time.Now().Add(lull + time.Nanosecond)
		delete(l.programs, 8)
		reused, gone := ask(7, time.Minute), ask(8, time.Minute)
		passed(time.Second / 2)
		if reused.process(t) != nil || gone.process(t) != nil {
			t.Errorf("%+v, %+v", reused.got(), gone.got())
		}
	})
}

// The same number with another program is another process: nothing of what was known of the first is said of it.
func TestOwnersSeesAProgramChange(t *testing.T) {
	withOwners(t, []int{7}, func(t *testing.T, l *roster, ask func(int, time.Duration) *asker) {
		before := ask(7, time.Minute)
		passed(2 * time.Second)
		l.programs[7] = "other"
		after := ask(7, time.Minute)
		passed(2 * time.Second)
		if p := after.process(t); p == before.process(t) || p.Executable.Path != "/bin/other" {
			t.Errorf("%+v", p)
		}
	})
}

func TestOwnersNamesAllHolders(t *testing.T) {
	withOwners(t, []int{8, 9}, func(t *testing.T, l *roster, ask func(int, time.Duration) *asker) {
		l.owned.add(endsOf(8), 9)
		l.owned.add(endsOf(8), 9) // by a second descriptor
		a := ask(8, time.Minute)
		passed(time.Second / 2)
		o := a.got()[0]
		if len(o.Holders) != 2 || o.PID != 8 || o.Process != o.Holders[0] {
			t.Errorf("%+v", o)
		}
		if o.Forwarder == nil || o.Forwarder.Name != "eight" {
			t.Errorf("%+v", o.Forwarder)
		}
	})
}

// A list that takes long holds up nobody whose time is over, and is given up when nobody waits for it.
func TestOwnersGivesUp(t *testing.T) {
	withOwners(t, []int{7}, func(t *testing.T, l *roster, ask func(int, time.Duration) *asker) {
		l.takes = time.Hour
		a := ask(7, 200*time.Millisecond)
		passed(300 * time.Millisecond)
		if got := a.got(); len(got) != 1 || got[0].Known() {
			t.Errorf("%+v", got)
		}
		if l.lists.Load() != 1 || l.ended.Load() != 1 {
			t.Errorf("%d of %d lists have ended", l.ended.Load(), l.lists.Load())
		}
	})
}

func TestPlainAddr(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:1": "127.0.0.1:1", "[::ffff:127.0.0.1]:1": "127.0.0.1:1", "[::1]:1": "[::1]:1",
		"[fe80::1%en0]:1": "[fe80::1]:1", "[fe80:4::1]:1": "[fe80::1]:1",
	} {
		if got := plainAddr(netip.MustParseAddrPort(in)); got != netip.MustParseAddrPort(want) {
			t.Errorf("%s is %s", in, got)
		}
	}
}

func TestNamesOfPaths(t *testing.T) {
	for _, tc := range []struct{ name, path, want string }{
		{"a-very-long-name", "/opt/a-very-long-name-indeed", "a-very-long-name-indeed"},
		{"node", "/usr/local/bin/node", "node"},
		{"title", "/usr/bin/python3", "title"},
		{"alone", "", "alone"},
	} {
		if got := wholeName(tc.name, tc.path); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
	for path, want := range map[string]string{
		`C:\Program Files\psql.EXE`: "psql", `C:\x\tool`: "tool", ".exe": ".exe", "": "",
	} {
		if got := programOfPath(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}
