package journal

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// order collects identities as they are told, by callbacks and as the journal's own.
type order struct {
	mu  sync.Mutex
	ids []flow.Identity
	own []string // the events of the journal's own
}

func (o *order) done(id flow.Identity, err error) {
	if err == nil {
		o.add(id)
	}
}

func (o *order) add(id flow.Identity) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = append(o.ids, id)
}

func (o *order) tell(id flow.Identity, r *flow.Record) {
	o.add(id)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.own = append(o.own, r.Event.String())
}

// TestOwnRecords: what is told, by the callbacks and as the journal's own, is the whole journal in its order. It goes
// through a crash, rotations, erasures and a failure.
func TestOwnRecords(t *testing.T) {
	var d disk
	c := small(t.TempDir())
	whole(t, c.Settings.Dir)
	cutLast(t, lastSegment(t, c.Settings.Dir)) // the journal.stop
	cutLast(t, lastSegment(t, c.Settings.Dir)) // a close
	before := len(entries(t, c.Settings.Dir))
	var told order
	c.Own, c.Host = told.tell, flow.Host{Name: "box", ID: "0123"}
	c.Settings.RotateSize = smallestRotate
	j, stop := runningOn(t, c, d.open)
	give := func(n int) {
		for range n {
			id := flow.NewSessionID()
			for _, r := range []flow.Record{opened(id), closed(id)} {
				answer := make(chan struct{})
				j.Append(r, func(id flow.Identity, err error) { told.done(id, err); close(answer) })
				<-answer
			}
		}
	}
	give(20)
	d.set(func(d *disk) { d.short = true })
	give(1)
	mendedSilently(t, j)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	compareOrder(t, &told, entries(t, c.Settings.Dir)[before:])
	own := strings.Join(told.own, " ")
	if !strings.HasPrefix(own, "journal.start journal.recovered session.close ") || !strings.Contains(own, "journal.gap") ||
		!strings.HasSuffix(own, " journal.stop") || strings.Count(own, "journal.rotated") < 3 {
		t.Errorf("own records: %s", own)
	}
}

// mendedSilently waits until the journal has no record that waits to be told lost.
func mendedSilently(t *testing.T, j *Journal) {
	t.Helper()
	testkit.Wait(t, "the gap to be told", func() bool { return j.queue.losses().count == 0 }, waitLong)
}

func compareOrder(t *testing.T, told *order, list []Entry) {
	t.Helper()
	if list[0].Record.Host == nil || list[0].Record.Host.Name != "box" {
		t.Errorf("journal.start has host %+v", list[0].Record.Host)
	}
	if len(told.ids) != len(list) {
		t.Fatalf("%d records were told, %d are in the journal: %v; own %v", len(told.ids), len(list), events(list), told.own)
	}
	for i := range list {
		if told.ids[i] != list[i].Identity {
			t.Fatalf("record %d was told as %v and is %v", i, told.ids[i], list[i].Identity)
		}
	}
}

// TestMended: the end of a trouble is told once, after all of it is over.
func TestMended(t *testing.T) {
	var d disk
	var told troubles
	var ends atomic.Int64
	c := small(t.TempDir())
	c.Trouble, c.Mended = told.add, func() { ends.Add(1) }
	c.Settings.RotateSize = smallestRotate
	j, stop := runningOn(t, c, d.open)
	d.set(func(d *disk) { d.full, d.create = true, syscall.ENOSPC })
	if _, err := appendWait(j, opened(flow.NewSessionID())); err == nil || ends.Load() != 0 {
		t.Errorf("append: %v; %d ends told", err, ends.Load())
	}
	d.set(func(d *disk) { d.full = false }) // there is still no new segment
	testkit.Wait(t, "the next attempt", func() bool {
		err := j.Stats().LastError
		return err != nil && strings.Contains(err.Error(), "begin")
	}, waitLong)
	if ends.Load() != 0 {
		t.Error("the end was told while nothing can be written")
	}
	d.set(func(d *disk) { d.create = nil })
	testkit.Wait(t, "the end to be told", func() bool { return ends.Load() == 1 }, waitLong)
	mended(t, j)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if told.count() != 1 || ends.Load() != 1 {
		t.Errorf("%d troubles, %d ends", told.count(), ends.Load())
	}
	content(t, c.Settings.Dir)
}

// TestAlertOnABrokenDisk: the alert that follows from the failure is in the journal in the end, though it was told to
// be lost.
func TestAlertOnABrokenDisk(t *testing.T) {
	var d disk
	c := small(t.TempDir())
	j, stop := runningOn(t, c, d.open)
	d.set(func(d *disk) { d.full, d.create = true, syscall.EIO })
	_, _ = appendWait(j, opened(flow.NewSessionID()))
	for range keptAlerts + 10 {
		if _, err := appendWait(j, flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{Count: 1}}); err == nil {
			t.Error("an alert was written to a broken disk")
		}
	}
	d.set(func(d *disk) { d.full, d.create = false, nil })
	mended(t, j)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	alerts := strings.Count(events(entries(t, c.Settings.Dir)), "alert")
	if r := content(t, c.Settings.Dir); alerts != keptAlerts || r.Dropped != j.Stats().Dropped || r.Dropped < 11 {
		t.Errorf("%d alerts in the end, report %+v", alerts, r)
	}
}

// TestRotationByAge: a segment ends after its time when there is more in it than its first record.
func TestRotationByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small(t.TempDir())
		c.Settings.RotateAge = time.Hour
		j, stop := running(t, c)
		segments := func() int { return len(segmentsOf(t, c.Settings.Dir)) }
		pass := func(d time.Duration) { <-time.After(d); synctest.Wait() }
		pass(3 * time.Hour)
		if n := segments(); n != 1 {
			t.Errorf("%d segments of nothing but journal.start", n)
		}
		session(t, j)
		synctest.Wait()
		if n := segments(); n != 2 {
			t.Errorf("%d segments after a record in one that is old", n)
		}
		session(t, j)
		pass(59 * time.Minute)
		if n := segments(); n != 2 {
			t.Errorf("%d segments before the hour is over", n)
		}
		pass(2 * time.Minute)
		if n := segments(); n != 3 {
			t.Errorf("%d segments after the hour", n)
		}
		pass(24 * time.Hour)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if r := content(t, c.Settings.Dir); r.Segments != 3 {
			t.Errorf("report %+v", r)
		}
	})
}

// TestRotationByAgeGoesOn: a restart does not make a segment younger.
func TestRotationByAgeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small(t.TempDir())
		c.Settings.RotateAge = time.Hour
		for range 5 { // 25 minutes each
			j, stop := running(t, c)
			session(t, j)
			<-time.After(25 * time.Minute)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		}
		if r := content(t, c.Settings.Dir); r.Segments != 2 && r.Segments != 3 {
			t.Errorf("report %+v", r)
		}
	})
}
