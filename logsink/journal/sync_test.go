package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// answered is what somebody who appended was told.
type answered struct {
	event   flow.Event
	session flow.SessionID
	id      flow.Identity
	err     error
}

// ledger is what all of them were told.
type ledger struct {
	mu   sync.Mutex
	list []answered
}

func (l *ledger) append(j *Journal, r flow.Record) {
	id, err := appendWait(j, r)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, answered{r.Event, r.Session, id, err})
}

// work opens and closes sessions in a random order, and refuses some.
func (l *ledger) work(j *Journal, seed uint64, steps int) {
	random := rand.New(rand.NewPCG(seed, 1))
	var open []flow.SessionID
	for range steps {
		switch n := random.IntN(5); {
		case n < 2 || len(open) == 0:
			id := flow.NewSessionID()
			l.append(j, opened(id))
			open = append(open, id)
		case n < 4:
			i := random.IntN(len(open))
			l.append(j, closed(open[i]))
			open = append(open[:i], open[i+1:]...)
		default:
			l.append(j, refused("pg", random.IntN(100)))
		}
	}
	for _, id := range open {
		l.append(j, closed(id))
	}
}

// refusals are how many were given; none of them may be lost.
func (l *ledger) refusals() (n uint64) {
	for _, a := range l.list {
		if a.event == flow.EventSessionRefused {
			n++
		}
	}
	return n
}

// check compares what was told with what the journal has: all that was said to be there, nothing that was said to be
// lost but the closes of sessions that are open there, and no identity twice.
func (l *ledger) check(t *testing.T, dir string) {
	t.Helper()
	type key struct {
		event   flow.Event
		session flow.SessionID
	}
	byIdentity := make(map[flow.Identity]key)
	there := make(map[key]bool)
	for _, e := range entries(t, dir) {
		k := key{e.Record.Event, e.Record.Session}
		if _, twice := byIdentity[e.Identity]; twice {
			t.Errorf("identity %v is there twice", e.Identity)
		}
		byIdentity[e.Identity], there[k] = k, true
	}
	for _, a := range l.list {
		k := key{a.event, a.session}
		got, found := byIdentity[a.id]
		opened := there[key{flow.EventSessionOpen, a.session}]
		switch {
		case a.event == flow.EventSessionRefused && a.id.Seq == 0 && a.err == nil: // told with others
		case a.err == nil && (!found || got != k):
			t.Errorf("%s of %q was told to be record %v; that is %v", a.event, a.session, a.id, got)
		case a.err != nil && a.event == flow.EventSessionOpen && opened:
			t.Errorf("the open of %q was told to be lost, and is there", a.session)
		case a.event == flow.EventSessionClose && opened != there[k]:
			t.Errorf("session %q: open %v, close %v", a.session, opened, there[k])
		}
	}
}

// TestSyncFails has the n-th fdatasync fail, for each n that a random workload comes to, and sometimes those after it
// as well (P6).
func TestSyncFails(t *testing.T) {
	last := 24
	if os.Getenv(soak) == "1" {
		last = 400
	}
	for n := 1; n <= last; n++ {
		for _, times := range []int{1, 3} {
			t.Run(fmt.Sprintf("%d of them from %d on", times, n), func(t *testing.T) { failSync(t, n, times) })
		}
	}
}

func failSync(t *testing.T, n, times int) {
	d := &disk{badSync: func(i int) bool { return i >= n && i < n+times }}
	c := small(t.TempDir())
	c.Settings.Durability, c.Settings.RotateSize, c.Settings.MaxSize = DurabilityDisk, smallestRotate, 64*flow.MiB
	c.Settings.RefusalsShare = 100
	if n <= 1 { // the one of the start
		if j, err := open(c, d.open); err == nil || !errors.Is(err, syscall.EIO) {
			t.Errorf("opened %v, %v", j, err)
		}
		restart(t, c.Settings.Dir)
		content(t, c.Settings.Dir)
		return
	}
	j, stop := runningOn(t, c, d.open)
	var told ledger
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { told.work(j, uint64(n*10+i), 24) })
	}
	all.Wait()
	stopped := stop()
	restart(t, c.Settings.Dir)
	r := content(t, c.Settings.Dir)
	if stopped == nil && r.Dropped != j.Stats().Dropped {
		t.Errorf("report %+v, %d dropped", r, j.Stats().Dropped)
	}
	told.check(t, c.Settings.Dir)
	if n := knocksIn(t, c.Settings.Dir)["pg"]; stopped == nil && n != told.refusals() {
		t.Errorf("%d refused connections are in the journal, there were %d", n, told.refusals())
	}
	for _, f := range d.failed {
		if f.again {
			t.Error("a sync that had failed was tried again")
		}
	}
	if len(d.failed) == times && stopped == nil && !saysWhy(entries(t, c.Settings.Dir)) {
		t.Error("no segment begins with the reason")
	}
}

// saysWhy says whether a segment begins with what became of the one before.
func saysWhy(list []Entry) bool {
	for _, e := range list {
		if e.Record.Event == flow.EventJournalRotated && strings.Contains(e.Record.Journal.Reason, "input/output error") {
			return true
		}
	}
	return false
}
