package journal

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func pruned(t testing.TB, dir string) (list []*flow.Journal) {
	t.Helper()
	for _, e := range entries(t, dir) {
		if e.Record.Event == flow.EventJournalPruned {
			list = append(list, e.Record.Journal)
		}
	}
	return list
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	for i, s := range segmentsOf(t, dir) {
		e, err := firstEntry(s.path)
		if err != nil {
			t.Fatal(err)
		}
		want := flow.EventJournalRotated
		if i == 0 {
			want = flow.EventJournalStart
		}
		if j := e.Record.Journal; e.Record.Event != want || j.Segment != s.name() || e.Identity.Seq != s.first ||
			j.ID == "" || j.Epoch == "" || i > 0 && j.Last != s.first-1 {
			t.Errorf("segment %s begins with %s, %+v", s.name(), e.Record.Event, j)
		}
		if s.size > int64(smallestRotate)+8192 {
			t.Errorf("segment %s has %d bytes", s.name(), s.size)
		}
	}
	content(t, dir)
}

func TestRetentionBySize(t *testing.T) {
	c := small(t.TempDir())
	dir := c.Settings.Dir
	c.Settings.RotateSize, c.Settings.MaxSize = smallestRotate, 5*smallestRotate
	j, stop := running(t, c)
	long := flow.NewSessionID()
	mustAppend(t, j, opened(long)) // its open will be erased while it is open
	for range 60 {
		session(t, j)
	}
	mustAppend(t, j, closed(long))
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, s := range segmentsOf(t, dir) {
		total += s.size
	}
	r := content(t, dir)
	if r.First == 1 || r.Pruned != r.First-1 || total > int64(c.Settings.MaxSize)+8192 {
		t.Errorf("%d bytes are kept, report %+v", total, r)
	}
	list := pruned(t, dir)
	if last := list[len(list)-1]; last.Last != r.Pruned || last.Head == "" || last.Bytes == 0 ||
		!strings.Contains(last.Reason, "at most 20 KiB are kept") {
		t.Errorf("journal.pruned %+v, report %+v", last, r)
	}
	remove(0)(t, dir) // what is erased behind lodoor's back is seen
	if r, err := Verify(dir); err != nil || r.Problem == nil {
		t.Errorf("report %+v, %v", r, err)
	}
}

func TestRetentionByAge(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	old := time.Now().Add(-31 * 24 * time.Hour)
	list := segmentsOf(t, dir)
	for _, s := range list[:2] {
		if err := os.Chtimes(s.path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	restart(t, dir)
	r := content(t, dir)
	if got := pruned(t, dir); len(got) != 2 || r.First != list[2].first || !strings.Contains(got[0].Reason, "kept for 720h") {
		t.Errorf("report %+v, pruned %+v", r, got)
	}
}

func TestRetentionByFreeSpace(t *testing.T) {
	c := small(t.TempDir())
	whole(t, c.Settings.Dir)
	var told troubles
	c.Settings.KeepFree, c.Trouble = 1<<60, told.add
	_, stop := running(t, c)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r := content(t, c.Settings.Dir)
	if r.Segments != 1 || r.Pruned == 0 || told.count() != 1 || !strings.Contains(told.all()[0].Error(), "nothing is left") {
		t.Errorf("report %+v, trouble %v", r, told.all())
	}
}

func TestOpenOfAPrunedSession(t *testing.T) {
	// The open was erased, then lodoor was killed: nobody knows of the session any more.
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.MaxSize = smallestRotate, 4*smallestRotate
	j, stop := running(t, c)
	mustAppend(t, j, opened(flow.NewSessionID()))
	for range 40 {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	cutLast(t, lastSegment(t, c.Settings.Dir))
	restart(t, c.Settings.Dir)
	if r := content(t, c.Settings.Dir); r.Opens > r.Closes || r.First == 1 {
		t.Errorf("report %+v", r)
	}
}

func TestCrashBetweenRecordAndErasure(t *testing.T) {
	// journal.pruned is written, the file is still there.
	dir := t.TempDir()
	whole(t, dir)
	first := segmentsOf(t, dir)[0]
	kept := readFile(t, first.path)
	old := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(first.path, old, old); err != nil {
		t.Fatal(err)
	}
	restart(t, dir)
	writeFile(t, first.path, kept)
	content(t, dir)
	restart(t, dir)
	content(t, dir)
}

func TestSettings(t *testing.T) {
	s := Settings{}.withDefaults(2 << 30)
	if s.MaxSize != 512*flow.MiB || s.RotateSize != 32*flow.MiB || s.MaxAge != 720*time.Hour || s.KeepFree != 2<<30/10 {
		t.Errorf("defaults %+v", s)
	}
	if s := (Settings{MaxSize: flow.MiB}).withDefaults(1 << 40); s.RotateSize != 256*flow.KiB || s.KeepFree != flow.GiB {
		t.Errorf("small journal %+v", s)
	}
	for _, d := range []Durability{DurabilityNone, DurabilityProcess, DurabilityDisk} {
		text, _ := d.MarshalText()
		var back Durability
		if err := back.UnmarshalText(text); err != nil || back != d {
			t.Errorf("%s is read as %s, %v", text, back, err)
		}
	}
	err := new(Durability).UnmarshalText([]byte("safe"))
	if err == nil || !strings.Contains(err.Error(), "process, disk, none") {
		t.Errorf("unknown durability: %v", err)
	}
}

// TestErasureWaitsForTheDisk: a segment stays while the record that it is erased may not survive the machine.
func TestErasureWaitsForTheDisk(t *testing.T) {
	var d disk
	var told troubles
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.MaxSize, c.Trouble = smallestRotate, 5*smallestRotate, told.add
	var mended atomic.Int64
	c.Mended = func() { mended.Add(1) }
	j, stop := runningOn(t, c, d.open)
	d.set(func(d *disk) { d.sync = syscall.EIO })
	for range 40 {
		session(t, j)
	}
	if first := segmentsOf(t, c.Settings.Dir)[0].first; first != 1 {
		t.Errorf("the journal begins with record %d", first)
	}
	if told.count() == 0 || !errors.Is(told.all()[0], syscall.EIO) || j.Stats().Dropped != 0 || mended.Load() != 0 {
		t.Errorf("troubles %v, %d mended, %d dropped", told.all(), mended.Load(), j.Stats().Dropped)
	}
	d.set(func(d *disk) { d.sync = nil })
	for range 20 {
		session(t, j)
	}
	testkit.Wait(t, "the trouble to be over", func() bool { return mended.Load() == 1 }, waitLong)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if r := content(t, c.Settings.Dir); r.First == 1 || r.Segments > 6 {
		t.Errorf("report %+v", r)
	}
}
