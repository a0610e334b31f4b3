package journal

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// flushWait adds, flushes and waits for the answer.
func flushWait(j *Journal, r flow.Record) (flow.Identity, error) {
	type answer struct {
		id  flow.Identity
		err error
	}
	answers := make(chan answer, 1)
	j.Add(r, func(id flow.Identity, err error) { answers <- answer{id, err} })
	j.Flush()
	a := <-answers
	return a.id, a.err
}

// resting opens a journal that nobody runs: what a Flush does not write stays unwritten. Tests that need it to write
// have a clock that stands still (synctest), so that no write counts as slow.
func resting(t *testing.T, c Config, files opener) *Journal {
	t.Helper()
	j, err := open(c, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// woken says whether Run, if there were one, would have been woken, and takes the token.
func woken(j *Journal) bool {
	select {
	case <-j.queue.wake:
		return true
	default:
		return false
	}
}

// TestFlushWritesOnTheCaller also holds P1: when done is called the record is in the file, and not before Flush.
func TestFlushWritesOnTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small(t.TempDir())
		j := resting(t, c, openOS)
		segment := segmentsOf(t, c.Settings.Dir)[0].path
		id := flow.NewSessionID()
		woken(j)
		var got []flow.Identity
		for i, r := range []flow.Record{opened(id), closed(id)} {
			j.Add(r, func(identity flow.Identity, err error) {
				lines, _ := os.ReadFile(segment)
				if err != nil || bytes.Count(lines, id[:]) != i+1 {
					t.Errorf("%s was answered with %v and is not in the file", r.Event, err)
				}
				got = append(got, identity)
			})
			if len(got) != i {
				t.Errorf("%s was answered before Flush", r.Event)
			}
			j.Flush()
		}
		list := entries(t, c.Settings.Dir)
		if len(got) != 2 || len(list) != 3 || list[1].Identity != got[0] || list[2].Identity != got[1] {
			t.Errorf("answers %v, records %s", got, events(list))
		}
		if woken(j) {
			t.Error("the writer was woken")
		}
	})
}

// TestFlushFromSeveral has loops that add and flush, and others that append, while the writer runs and rotates: every
// record is in the journal once, and each was answered once, in the order of the journal.
func TestFlushFromSeveral(t *testing.T) {
	const loops, each = 4, 500
	c := small(t.TempDir())
	c.Settings.RotateSize = 16 * flow.KiB
	j, stop := running(t, c)
	var last, answers atomic.Uint64
	done := func(id flow.Identity, err error) {
		if before := last.Swap(id.Seq); err != nil || before >= id.Seq {
			t.Errorf("record %d was answered after %d, with error %v", id.Seq, before, err)
		}
		answers.Add(1)
	}
	var all sync.WaitGroup
	for i := range loops {
		all.Go(func() {
			for range each {
				id := flow.NewSessionID()
				j.Add(opened(id), done)
				if i == 0 {
					j.Append(closed(id), done)
					continue
				}
				j.Add(closed(id), done)
				j.Flush()
			}
		})
	}
	all.Wait()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := answers.Load(); n != 2*loops*each {
		t.Errorf("%d answers to %d records", n, 2*loops*each)
	}
	if r := content(t, c.Settings.Dir); r.Opens != loops*each || r.Closes != loops*each || r.Segments < 3 || r.Dropped != 0 {
		t.Errorf("report %+v", r)
	}
	if pairs := pairing(t, c.Settings.Dir); pairs != "" {
		t.Error(pairs)
	}
}

// TestNothingIsLeftUnwritten hunts for a lost wake-up: each of several loops waits for each of its answers, so one
// record that nobody writes stops its loop for good. Segments are short, so that a Flush often leaves its records to Run.
func TestNothingIsLeftUnwritten(t *testing.T) {
	for _, durability := range []Durability{DurabilityProcess, DurabilityDisk} {
		t.Run(durability.String(), func(t *testing.T) {
			rounds := map[Durability]int{DurabilityProcess: 2000, DurabilityDisk: 200}[durability]
			c := small(t.TempDir())
			c.Settings.Durability, c.Settings.RotateSize = durability, 32*flow.KiB
			j, stop := running(t, c)
			var all sync.WaitGroup
			for i := range 4 {
				give := flushWait
				if i == 3 {
					give = appendWait
				}
				all.Go(func() { waitForEach(t, j, rounds, give) })
			}
			ended := make(chan struct{})
			go func() { all.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-time.After(waitLong):
				t.Fatalf("a record has no answer; added %v, %d wait", j.queue.added.Load(), len(j.queue.items))
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if r := content(t, c.Settings.Dir); r.Opens != uint64(4*rounds/2) || r.Dropped != 0 {
				t.Errorf("report %+v", r)
			}
		})
	}
}

func waitForEach(t *testing.T, j *Journal, n int, give func(*Journal, flow.Record) (flow.Identity, error)) {
	for range n / 2 {
		id := flow.NewSessionID()
		for _, r := range []flow.Record{opened(id), closed(id)} {
			if _, err := give(j, r); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestCallbacksThatAdd: what follows from an answer is written by the same Flush.
func TestCallbacksThatAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small(t.TempDir())
		j := resting(t, c, openOS)
		id := flow.NewSessionID()
		over := false
		j.Add(opened(id), func(flow.Identity, error) {
			j.Add(closed(id), func(_ flow.Identity, err error) { over = err == nil })
			j.Flush() // is not for callbacks, but does no harm
		})
		j.Flush()
		if !over {
			t.Error("the close was not written")
		}
		if pairs := pairing(t, c.Settings.Dir); pairs != "" {
			t.Error(pairs)
		}
	})
}

// TestFlushComesToAnEnd: callbacks that always add one more do not keep a Flush for ever. Run goes on with them.
func TestFlushComesToAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := resting(t, small(t.TempDir()), openOS)
		woken(j)
		added := 0
		var more func(flow.Identity, error)
		more = func(_ flow.Identity, err error) {
			if err == nil {
				added++
				j.Add(flow.Record{Event: flow.EventConfigLoaded}, more)
			}
		}
		more(flow.Identity{}, nil)
		j.Flush()
		if added != flushPasses+1 || !woken(j) {
			t.Errorf("%d records after %d passes; the writer must be woken for the last", added, flushPasses)
		}
	})
}

// TestWhatFlushLeavesToRun: a segment that is full, and more records than one batch.
func TestWhatFlushLeavesToRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small(t.TempDir())
		c.Settings.RotateSize = smallestRotate
		j := resting(t, c, openOS)
		woken(j)
		for !woken(j) {
			j.Add(opened(flow.NewSessionID()), nil)
			j.Flush()
		}
		full := j.Stats().Written
		j.Add(opened(flow.NewSessionID()), nil)
		if j.Flush(); j.Stats().Written != full || !woken(j) || len(segmentsOf(t, c.Settings.Dir)) != 1 {
			t.Errorf("Flush wrote into a full segment, or woke nobody to rotate it: %+v", j.Stats())
		}
		j.turn()
		if n := len(segmentsOf(t, c.Settings.Dir)); n != 2 || j.Stats().Written != full+2 {
			t.Errorf("%d segments, %+v", n, j.Stats())
		}
		for range batchRecords + 1 {
			j.Add(opened(flow.NewSessionID()), nil)
		}
		if j.Flush(); j.Stats().Written != full+2 || !woken(j) {
			t.Errorf("Flush wrote a backlog, or woke nobody: %+v", j.Stats())
		}
	})
}

// TestFlushWithOtherDurabilities: none is answered at once, and neither is written by the caller.
func TestFlushWithOtherDurabilities(t *testing.T) {
	for _, durability := range []Durability{DurabilityDisk, DurabilityNone} {
		c := small(t.TempDir())
		c.Settings.Durability = durability
		j := resting(t, c, openOS)
		woken(j)
		answers := 0
		j.Add(opened(flow.NewSessionID()), func(flow.Identity, error) { answers++ })
		if none := durability == DurabilityNone; answers == 1 != none {
			t.Errorf("%s: %d answers before Flush", durability, answers)
		}
		if j.Flush(); j.Stats().Written != 1 || !woken(j) {
			t.Errorf("%s: Flush wrote the record, or woke nobody: %+v", durability, j.Stats())
		}
	}
}

// TestSlowDisk: after a write that was held up no Flush writes for a second, and then one tries again.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		j := resting(t, small(t.TempDir()), d.open)
		woken(j)
		add := func() (wrote, roused bool) {
			before := j.Stats().Written
			j.Add(opened(flow.NewSessionID()), nil)
			j.Flush()
			return j.Stats().Written > before, woken(j)
		}
		d.set(func(d *disk) { d.delay = slowWrite })
		if wrote, _ := add(); !wrote {
			t.Error("the first Flush did not write")
		}
		<-time.After(slowPause - time.Millisecond)
		if wrote, roused := add(); wrote || !roused {
			t.Errorf("after a slow write: wrote %v, woke the writer %v", wrote, roused)
		}
		d.set(func(d *disk) { d.delay = slowWrite - 1 })
		<-time.After(time.Millisecond)
		for range 2 {
			if wrote, roused := add(); !wrote || roused {
				t.Errorf("after the pause: wrote %v, woke the writer %v", wrote, roused)
			}
		}
	})
}

// TestDiskThatHangs: while a Flush, and then Run, stands in a write, no other Flush waits; afterwards all is written.
func TestDiskThatHangs(t *testing.T) {
	for _, hung := range []string{"Flush", "Run"} {
		t.Run(hung, func(t *testing.T) {
			c := small(t.TempDir())
			hang, reached := make(chan struct{}), make(chan struct{}, 1)
			d := &disk{}
			j, stop := runningOn(t, c, d.open)
			d.set(func(d *disk) { d.hang, d.reached = hang, reached })
			var all sync.WaitGroup
			done := func(_ flow.Identity, err error) {
				if err != nil {
					t.Error(err)
				}
				all.Done()
			}
			all.Add(3)
			if hung == "Run" {
				j.Append(opened(flow.NewSessionID()), done)
			} else {
				j.Add(opened(flow.NewSessionID()), done)
				all.Go(j.Flush)
			}
			<-reached
			for range 2 {
				j.Add(opened(flow.NewSessionID()), done)
				j.Flush()
			}
			close(hang)
			all.Wait()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if n := len(entries(t, c.Settings.Dir)); n != 5 { // with journal.start and journal.stop
				t.Errorf("%d records", n)
			}
		})
	}
}

// TestCloseDuringFlush: the end waits for the Flush that is under way, journal.stop is the last record, and every
// record has its answer: it is in the journal, it came too late, or the queue was full, since no Flush writes for a
// while after a write that was slow.
func TestCloseDuringFlush(t *testing.T) {
	for range 8 {
		c := small(t.TempDir())
		_, stop := running(t, c)
		_ = stop()
		j, stop := running(t, c)
		var taken, late, full, asked atomic.Uint64
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for late.Load() == 0 {
					asked.Add(1)
					j.Add(flow.Record{Event: flow.EventConfigLoaded}, func(_ flow.Identity, err error) {
						switch {
						case err == nil:
							taken.Add(1)
						case errors.Is(err, ErrClosed):
							late.Add(1)
						case errors.Is(err, ErrFull):
							full.Add(1)
						default:
							t.Error(err)
						}
					})
					j.Flush()
				}
			})
		}
		for taken.Load() < 50 {
			session(t, j)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		list := entries(t, c.Settings.Dir)
		loaded := uint64(0)
		for _, e := range list {
			if e.Record.Event == flow.EventConfigLoaded {
				loaded++
			}
		}
		content(t, c.Settings.Dir)
		if loaded != taken.Load() || asked.Load() != taken.Load()+late.Load()+full.Load() ||
			list[len(list)-1].Record.Event != flow.EventJournalStop {
			t.Fatalf("%d asked, %d taken, %d late, %d found no room, %d in the journal", asked.Load(), taken.Load(),
				late.Load(), full.Load(), loaded)
		}
	}
}

// TestGarbage: a record on its way leaves none, whoever writes it.
func TestGarbage(t *testing.T) {
	if !poolsKeep() {
		t.Skip("with the race detector sync.Pool loses things on purpose")
	}
	synctest.Test(t, garbage)
}

func garbage(t *testing.T) {
	j := resting(t, small(t.TempDir()), openOS)
	open := opened(flow.NewSessionID())
	over := closed(open.Session)
	answers := 0
	done := func(flow.Identity, error) { answers++ }
	for name, write := range map[string]func(){"Flush": j.Flush, "Run": func() { j.turn() }} {
		if n := testing.AllocsPerRun(1000, func() {
			j.Add(open, done)
			write()
			j.Append(over, done)
			write()
		}); n != 0 {
			t.Errorf("%s: %v allocations for two records", name, n)
		}
	}
	j.turn()
	if answers != 2*2*1001 {
		t.Errorf("%d answers", answers)
	}
}

// poolsKeep says whether what is put into a sync.Pool can be relied on to be there.
func poolsKeep() bool {
	pool, kept := sync.Pool{}, 0
	for range 1000 {
		pool.Put(&kept)
		if pool.Get() != nil {
			kept++
		}
	}
	return kept > 950
}
