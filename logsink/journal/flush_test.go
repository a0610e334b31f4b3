package journal

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestFlushWritesOnTheCaller has nobody run the journal: what Flush does not write itself is not written.
func TestFlushWritesOnTheCaller(t *testing.T) {
	c := small(t.TempDir())
	j, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	id := flow.NewSessionID()
	var got []flow.Identity
	done := func(id flow.Identity, err error) {
		if err != nil {
			t.Error(err)
		}
		got = append(got, id)
	}
	j.Add(opened(id), done)
	if len(got) != 0 || len(entries(t, c.Settings.Dir)) != 1 {
		t.Errorf("%d answers and %d records before Flush", len(got), len(entries(t, c.Settings.Dir)))
	}
	j.Flush()
	j.Add(closed(id), done)
	j.Flush()
	list := entries(t, c.Settings.Dir)
	if len(got) != 2 || len(list) != 3 || list[1].Identity != got[0] || list[2].Identity != got[1] {
		t.Errorf("answers %v, records %s", got, events(list))
	}
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
	if r := content(t, c.Settings.Dir); r.Opens != loops*each || r.Closes != loops*each || r.Segments < 10 || r.Dropped != 0 {
		t.Errorf("report %+v", r)
	}
	if pairs := pairing(t, c.Settings.Dir); pairs != "" {
		t.Error(pairs)
	}
}
