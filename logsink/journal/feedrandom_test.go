package journal

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// world is a journal, and a feed whose destination outlives both.
type world struct {
	t     *rapid.T
	outer *testing.T // for helpers
	dir   string
	j     *Journal
	f     *Feed
	to    Destination
	store *store
	disk  disk
	died  bool // the machine, which may have lost a journal.pruned
	again bool // an epoch was lost as a whole: what was delivered is delivered again
}

func (w *world) open() {
	c := small(w.dir)
	c.Settings.RotateSize = smallestRotate
	var err error
	if w.j, err = open(c, w.disk.open); err != nil {
		w.t.Fatal(err)
	}
	w.feed()
}

func (w *world) feed() {
	f, err := w.j.Feed(FeedConfig{Destination: w.to, Batch: 7})
	if err != nil {
		w.t.Fatal(err)
	}
	w.f = f
}

// drop is what a crash does to a feed: its cursor is where it was last saved.
func (w *world) drop() {
	w.f.reader.close()
	w.j.feeds.remove(w.f)
}

func (w *world) write(n int) {
	for range n {
		id := flow.NewSessionID()
		w.j.Add(opened(id), nil)
		w.j.Add(closed(id), nil)
		w.j.turn()
	}
}

// cut takes the last lines off the journal, as the death of a machine does.
func (w *world) cut(n int) {
	list, err := listSegments(w.dir)
	if err != nil || len(list) == 0 {
		w.t.Fatal(list, err)
	}
	path := list[len(list)-1].path
	data := splitLines(readFile(w.outer, path))
	writeFile(w.outer, path, joinLines(data[:max(len(data)-n, 1)]))
	if got := w.store.taken(); len(got) > 0 {
		last := got[len(got)-1].Epoch
		w.again = w.again || !slices.ContainsFunc(entries(w.outer, w.dir), func(e Entry) bool { return e.Identity.Epoch == last })
	}
}

// fail breaks the disk in one of several ways.
func (w *world) fail() {
	full := rapid.Bool().Draw(w.t, "full")
	room := rapid.IntRange(0, 2000).Draw(w.t, "room")
	w.disk.set(func(d *disk) {
		d.full, d.room, d.short = full, room, !full
		if room%2 == 0 {
			d.create = syscall.EIO
		}
	})
}

// heal has the disk in order again, and the journal write.
func (w *world) heal() {
	w.disk.set(func(d *disk) { d.full, d.short, d.create = false, false, nil })
	w.j.writer.mu.Lock()
	w.j.writer.retryAt = time.Time{}
	w.j.writer.mu.Unlock()
	w.j.turn()
}

// prune erases the oldest segment when it was taken.
func (w *world) prune() {
	w.j.writer.mu.Lock()
	defer w.j.writer.mu.Unlock()
	if w.j.writer.broken == nil && len(w.j.writer.finished) > 0 && len(w.j.writer.waiting()) == 0 {
		w.j.writer.prune(time.Now(), "a test")
	}
}

func (w *world) act() {
	switch rapid.IntRange(0, 11).Draw(w.t, "act") {
	case 0, 1, 2:
		w.write(rapid.IntRange(1, 9).Draw(w.t, "sessions"))
	case 3, 4:
		_ = w.f.step(context.Background()) // which may fail
	case 5:
		w.f.save()
	case 6:
		w.drop()
		w.feed()
	case 7:
		w.heal()
		w.drop()
		w.j.writer.abandon()
		if lines := rapid.IntRange(0, 6).Draw(w.t, "lost"); lines > 0 {
			w.cut(lines)
			w.died = true
		}
		w.open()
	case 8:
		if err := w.j.compressDue(context.Background(), time.Now().Add(2*packAge)); err != nil {
			w.t.Fatal(err)
		}
	case 9:
		w.prune()
	case 10:
		w.fail()
	case 11:
		w.heal()
	}
}

// fickle is a destination that fails now and then, with a part taken or nothing.
func fickle(t *rapid.T) func(context.Context, int) (int, error) {
	return func(_ context.Context, n int) (int, error) {
		if rapid.IntRange(0, 2).Draw(t, "fails") > 0 {
			return n, nil
		}
		return rapid.IntRange(0, n).Draw(t, "taken"), errors.New("fickle")
	}
}

// TestFeedAmidEverything has a feed deliver while sessions are written, segments are rotated, compressed and erased,
// writes fail, the feed is dropped, and the journal's process or machine dies. Every record that is left is delivered, none before
// those that stand before it, and no two that differ have one identity; a destination that knows what it has gets none
// twice.
func TestFeedAmidEverything(t *testing.T) {
	for _, knows := range []bool{false, true} {
		t.Run(map[bool]string{false: "cursor", true: "resumer"}[knows], func(t *testing.T) {
			left := 12
			if os.Getenv(soak) != "" {
				left = math.MaxInt
			}
			rapid.Check(t, func(rt *rapid.T) {
				if left--; left >= 0 { // each of them takes a while
					amidEverything(t, rt, knows)
				}
			})
		})
	}
}

func amidEverything(t *testing.T, rt *rapid.T, knows bool) {
	to := &knowing{store: store{name: "x"}}
	to.deliver = fickle(rt)
	w := &world{t: rt, outer: t, dir: t.TempDir(), to: to, store: &to.store}
	if !knows {
		w.to = &to.store
	}
	w.open()
	for range rapid.IntRange(5, 60).Draw(rt, "acts") {
		w.act()
	}
	to.deliver = nil
	w.heal()
	w.f.finish(context.Background())
	if s := w.f.Stats(); s.Behind != 0 || s.Skipped != 0 || s.Err != nil {
		rt.Fatalf("stats %+v", s)
	}
	if err := w.j.Close(); err != nil {
		rt.Fatal(err)
	}
	w.f.finish(context.Background())
	w.drop()
	checkDelivered(rt, &to.store, entries(t, w.dir), knows && !w.again)
	if r, err := Verify(w.dir); err != nil || r.Problem != nil && !w.died {
		rt.Fatalf("verify: %+v, %v", r, err)
	}
}

func checkDelivered(t *rapid.T, to *store, want []Entry, once bool) {
	first := make(map[flow.Identity]int)
	for i, id := range to.got {
		if j, again := first[id]; !again {
			first[id] = i
		} else if to.lines[j] != to.lines[i] || once {
			t.Fatalf("%+v came again:\n%s\n%s", id, to.lines[j], to.lines[i])
		}
	}
	last := -1
	for i := range want {
		at, delivered := first[want[i].Identity]
		if !delivered || at <= last || to.lines[at] != string(want[i].Line) {
			t.Fatalf("%+v: delivered %t, as number %d after %d", want[i].Identity, delivered, at, last)
		}
		last = at
	}
}
