//go:build !portable

package lane_test

import (
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

// deaf is a tap that keeps nothing.
type deaf struct{ full, asked atomic.Bool }

func (d *deaf) Room(flow.Direction, func()) bool {
	d.asked.Store(true)
	return !d.full.Load()
}

func (d *deaf) Data(flow.Direction, time.Time, []byte)            {}
func (d *deaf) Skipped(flow.Direction, time.Time, uint64)         {}
func (d *deaf) Written(flow.Direction, time.Time, uint64)         {}
func (d *deaf) Answered(time.Time, uint64, []byte)                {}
func (d *deaf) Shut(flow.Direction, time.Time)                    {}
func (d *deaf) Done(time.Time, *flow.Outcome) (kept, lost uint64) { return 0, 0 }

// TestLoopSleepsWithoutRoom has a session wait for room while bytes are there to be read: its loop has nothing to do, and
// must come to rest.
func TestLoopSleepsWithoutRoom(t *testing.T) {
	var turns atomic.Uint64
	l := loop(t, lane.LoopConfig{Loops: 1, Turn: func() { turns.Add(1) }})
	e, p := lanetest.Legs(t, "tcp4")
	tap := &deaf{}
	tap.full.Store(true)
	p.Tap = tap
	control := l.Start(p, func(flow.Outcome) {})
	for range 5 {
		if _, err := io.WriteString(e.Client, "some more"); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Wait(t, "the question for room", tap.asked.Load, lanetest.Patience)
	same, last := 0, uint64(0)
	testkit.Wait(t, "the loop to rest", func() bool {
		now := turns.Load()
		if same++; now != last {
			same, last = 0, now
		}
		return same >= 20
	}, lanetest.Patience)
	control.Kill(flow.EndKilled)
	closeLane(t, l)
}

// TestTapAllocations has messages go there and back through a tapped session: neither lane allocates for them.
func TestTapAllocations(t *testing.T) {
	for name, l := range map[string]lane.Lane{"copy": newCopy(t), "loop": loop(t, lane.LoopConfig{Loops: 1})} {
		e, p := lanetest.Legs(t, "tcp4")
		p.Tap = &deaf{}
		l.Start(p, func(flow.Outcome) {})
		out, in := make([]byte, 100), make([]byte, 100)
		allocations := testing.AllocsPerRun(500, func() {
			_, _ = e.Client.Write(out)
			_, _ = io.ReadFull(e.Backend, in)
			_, _ = e.Backend.Write(out)
			_, _ = io.ReadFull(e.Client, in)
		})
		if allocations >= 1 { // a pool that was emptied may cost one now and then
			t.Errorf("%s: %v allocations a message there and back", name, allocations)
		}
		_ = e.Client.Close()
		_ = e.Backend.Close()
		closeLane(t, l)
	}
}

// TestLoopAmendedSplice has the backend send a stream that does not end: it is spliced when nothing more is amended, and
// not before.
func TestLoopAmendedSplice(t *testing.T) {
	for name, splices := range map[string]bool{"done": true, "not done": false} {
		l := loop(t, lane.LoopConfig{Loops: 1})
		before := pipes(t)
		e, p := lanetest.Legs(t, "tcp4")
		p.Amend = func([]byte) bool { return splices }
		control := l.Start(p, func(flow.Outcome) {})
		var both sync.WaitGroup
		both.Go(func() {
			for b := make([]byte, 1<<20); ; {
				if _, err := e.Backend.Write(b); err != nil {
					return // killed
				}
			}
		})
		both.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{e.Client}) })
		testkit.Wait(t, name+": a splice, or a long stream without", func() bool {
			_, n := control.Counts()
			return pipes(t) > before || n > 64<<20 && !splices
		}, lanetest.Patience)
		if pipes(t) > before && !splices {
			t.Errorf("%s: spliced", name)
		}
		control.Kill(flow.EndKilled)
		both.Wait()
		closeLane(t, l)
	}
}

// counting is a tap that counts what it is told.
type counting struct {
	deaf
	told, written, skipped atomic.Uint64
}

func (c *counting) Data(_ flow.Direction, _ time.Time, b []byte)    { c.told.Add(uint64(len(b))) }
func (c *counting) Written(_ flow.Direction, _ time.Time, n uint64) { c.written.Add(n) }
func (c *counting) Skipped(_ flow.Direction, _ time.Time, n uint64) { c.skipped.Add(n) }

// TestLoopTappedSplice has a long stream spliced though somebody reads along, who is told all of it.
func TestLoopTappedSplice(t *testing.T) {
	const size = 64 << 20
	l := loop(t, lane.LoopConfig{Loops: 1})
	before := pipes(t)
	e, p := lanetest.Legs(t, "tcp4")
	tap := &counting{}
	p.Tap = tap
	done := make(chan flow.Outcome, 1)
	l.Start(p, func(o flow.Outcome) { done <- o })
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = e.Client.Write(make([]byte, size))
		_ = e.Client.Close()
	})
	both.Go(func() {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{e.Backend})
		_ = e.Backend.Close()
	})
	both.Wait()
	o := <-done
	if told, written := tap.told.Load(), tap.written.Load(); o.FromClient != size || told != size || written != size || tap.skipped.Load() != 0 {
		t.Errorf("of %d bytes %d were told and %d told as written, %d skipped; outcome %+v", size, told, written, tap.skipped.Load(), o)
	}
	if pipes(t) == before {
		t.Error("nothing was spliced")
	}
	closeLane(t, l)
}
