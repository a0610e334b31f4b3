package journal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// disk is a file system that fails as a test says. The zero disk never does.
type disk struct {
	mu       sync.Mutex
	full     bool             // room is all that there is
	room     int              // bytes
	short    bool             // the next write is cut, without an error
	sync     error            // of every sync
	syncs    int              // how many there were
	badSync  func(n int) bool // says which of them fails with EIO, from 1
	truncate error            // of every truncation
	create   error            // of every new file
	failed   []*faultyFile    // files that had a sync fail
	delay    time.Duration    // of every write
	hang     <-chan struct{}  // every write waits for it
	reached  chan<- struct{}  // has a token when one does
}

// set changes the disk while it is used.
func (d *disk) set(change func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *disk) open(path string, flag int) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if flag&os.O_CREATE != 0 && d.create != nil {
		return nil, d.create
	}
	f, err := openOS(path, flag)
	return &faultyFile{file: f, disk: d}, err
}

// hold delays a write.
func (d *disk) hold() {
	d.mu.Lock()
	delay, hang, reached := d.delay, d.hang, d.reached
	d.mu.Unlock()
	if delay > 0 {
		<-time.After(delay)
	}
	if hang == nil {
		return
	}
	select {
	case reached <- struct{}{}:
	default:
	}
	<-hang
}

type faultyFile struct {
	file
	disk   *disk
	broken bool
	again  bool // synced after a sync had failed
}

func (f *faultyFile) Write(p []byte) (int, error) {
	f.disk.hold()
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	switch {
	case f.disk.short:
		f.disk.short = false
		return f.file.Write(p[:len(p)/2])
	case f.disk.full && len(p) > f.disk.room:
		n, _ := f.file.Write(p[:f.disk.room])
		f.disk.room = 0
		return n, syscall.ENOSPC
	case f.disk.full:
		f.disk.room -= len(p)
	}
	return f.file.Write(p)
}

func (f *faultyFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.again = f.again || f.broken
	f.disk.syncs++
	err := f.disk.sync
	if f.disk.badSync != nil && f.disk.badSync(f.disk.syncs) {
		err = syscall.EIO
	}
	if err != nil {
		f.broken = true
		f.disk.failed = append(f.disk.failed, f)
		return err
	}
	return f.file.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.truncate != nil {
		return f.disk.truncate
	}
	return f.file.Truncate(size)
}

// troubles collects what the journal reports.
type troubles struct {
	mu   sync.Mutex
	list []error
}

func (t *troubles) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.list = append(t.list, err)
}

func (t *troubles) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list)
}

// all are the troubles so far.
func (t *troubles) all() []error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.list)
}

// mended waits until the records of sessions are written again.
func mended(t *testing.T, j *Journal) {
	t.Helper()
	testkit.Wait(t, "the journal to write again", func() bool {
		id := flow.NewSessionID()
		if _, err := appendWait(j, opened(id)); err != nil {
			return false
		}
		mustAppend(t, j, closed(id))
		return true
	}, 10*time.Second)
}

// fault is what happens to a disk, and what whoever appends meanwhile is told.
type fault struct {
	name       string
	durability Durability
	fault      func(*disk)
	want       error
}

// TestDiskThatFails breaks the disk under a running journal in several ways. In each of them the waiter is told, the
// session that was open before is closed in the journal once the disk is well, what was lost is counted there, and
// nothing of what was reported lost is in it.
func TestDiskThatFails(t *testing.T) {
	for _, c := range []fault{
		{"full at the first byte", DurabilityProcess, func(d *disk) { d.full = true }, syscall.ENOSPC},
		{"full within a line", DurabilityProcess, func(d *disk) { d.full, d.room = true, 100 }, syscall.ENOSPC},
		{"full, with sync", DurabilityDisk, func(d *disk) { d.full, d.room = true, 100 }, syscall.ENOSPC},
		{"short write", DurabilityProcess, func(d *disk) { d.short = true; d.create = syscall.EIO }, io.ErrShortWrite},
		{"sync fails", DurabilityDisk, func(d *disk) { d.sync = syscall.EIO }, syscall.EIO},
		{"sync fails, and no cut is possible", DurabilityDisk, func(d *disk) {
			d.sync, d.truncate = syscall.EIO, syscall.EROFS
		}, syscall.EIO},
		{"full, and no new file", DurabilityProcess, func(d *disk) { d.full, d.create = true, syscall.ENOSPC }, syscall.ENOSPC},
	} {
		for way, give := range map[string]func(*Journal, flow.Record) (flow.Identity, error){
			"Append": appendWait, "Flush": flushWait,
		} {
			t.Run(c.name+"/"+way, func(t *testing.T) { failDisk(t, c, give) })
		}
	}
}

func failDisk(t *testing.T, c fault, give func(*Journal, flow.Record) (flow.Identity, error)) {
	var d disk
	var told troubles
	config := small(t.TempDir())
	config.Settings.Durability, config.Trouble = c.durability, told.add
	j, stop := runningOn(t, config, d.open)
	before, lost := flow.NewSessionID(), flow.NewSessionID()
	first := mustAppend(t, j, opened(before))

	d.set(c.fault)
	for _, r := range []flow.Record{opened(lost), opened(flow.NewSessionID()), closed(before)} {
		if _, err := give(j, r); err == nil || r.Session == lost && r.Event == flow.EventSessionOpen &&
			!errors.Is(err, c.want) {
			t.Errorf("%s on a broken disk: %v, want %v", r.Event, err, c.want)
		}
	}
	if told.count() != 1 || j.Stats().LastError == nil {
		t.Errorf("%d troubles, last error %v", told.count(), j.Stats().LastError)
	}
	d.set(func(d *disk) { d.full, d.short, d.sync, d.truncate, d.create = false, false, nil, nil, nil })
	mended(t, j)
	if _, err := give(j, closed(lost)); !errors.Is(err, errUnpaired) {
		t.Errorf("the close of a session without an open: %v", err)
	}
	last := mustAppend(t, j, opened(flow.NewSessionID()))
	if last.Epoch == first.Epoch {
		t.Error("numbers were given again under the same epoch")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(j.queue.pairs); n != 1 { // the last one
		t.Errorf("%d sessions have room reserved or are open in the end", n)
	}
	restart(t, config.Settings.Dir)
	checkMended(t, config.Settings.Dir, before, lost, j.Stats().Dropped)
	for _, f := range d.failed {
		if f.again {
			t.Error("a sync that had failed was tried again")
		}
	}
}

func checkMended(t *testing.T, dir string, before, lost flow.SessionID, dropped uint64) {
	t.Helper()
	if r := content(t, dir); r.Dropped != dropped || dropped < 2 || len(r.Torn) != 0 {
		t.Errorf("report %+v, dropped %d", r, dropped)
	}
	var closes int
	for _, e := range entries(t, dir) {
		r := e.Record
		if r.Session == lost {
			t.Errorf("%s of a session that was reported lost", r.Event)
		}
		if r.Session == before && r.Event == flow.EventSessionClose {
			closes++
			if !r.Outcome.Known || r.Outcome.FromBackend != 4096 {
				t.Errorf("the close that waited has lost its counts: %+v", r.Outcome)
			}
		}
	}
	if closes != 1 {
		t.Errorf("%d closes of the session that was open", closes)
	}
}

func TestEndOnABrokenDisk(t *testing.T) {
	var d disk
	c := small(t.TempDir())
	j, stop := runningOn(t, c, d.open)
	id := flow.NewSessionID()
	mustAppend(t, j, opened(id))
	d.set(func(d *disk) { d.full = true })
	j.Append(closed(id), nil)
	if err := stop(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the end is reported as %v", err)
	}
	restart(t, c.Settings.Dir)
	content(t, c.Settings.Dir)
	if pairs := pairing(t, c.Settings.Dir); pairs != "" {
		t.Error(pairs)
	}
}

func TestRotationThatFails(t *testing.T) {
	var d disk
	var told troubles
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Trouble = smallestRotate, told.add
	j, stop := runningOn(t, c, d.open)
	d.set(func(d *disk) { d.create = syscall.EMFILE })
	for range 10 {
		session(t, j)
	}
	if told.count() == 0 || !errors.Is(j.Stats().LastError, syscall.EMFILE) {
		t.Errorf("%d troubles, last error %v", told.count(), j.Stats().LastError)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if r := content(t, c.Settings.Dir); r.Segments != 1 || r.Opens != 10 || r.Dropped != 0 {
		t.Errorf("report %+v", r)
	}
}

func TestStartOnABrokenDisk(t *testing.T) {
	for name, d := range map[string]*disk{
		"full":        {full: true, room: 50},
		"no new file": {create: syscall.EROFS},
	} {
		dir := t.TempDir()
		if j, err := open(small(dir), d.open); err == nil {
			t.Errorf("%s: opened %v", name, j)
		}
		restart(t, dir) // the lock was given back, and nothing half is left
		if r := content(t, dir); r.Records != 2 {
			t.Errorf("%s: report %+v", name, r)
		}
	}
}

func TestFullQueue(t *testing.T) {
	c := small(t.TempDir())
	c.QueueRecords = 4
	j, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var answers []error
	answer := func(_ flow.Identity, err error) {
		mu.Lock()
		defer mu.Unlock()
		answers = append(answers, err)
	}
	ids := make([]flow.SessionID, 6)
	for i := range ids { // nobody writes: the queue fills
		ids[i] = flow.NewSessionID()
		j.Append(opened(ids[i]), answer)
	}
	if len(answers) != 2 || !errors.Is(errors.Join(answers...), ErrFull) {
		t.Errorf("answers of the full queue: %v", answers)
	}
	for i := range ids { // the four that were taken have room for their closes
		j.Append(closed(ids[i]), answer)
	}
	if len(answers) != 4 {
		t.Errorf("answers after the closes: %v", answers)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if len(answers) != 12 {
		t.Errorf("%d answers to 12 records", len(answers))
	}
	if r := content(t, c.Settings.Dir); r.Opens != 4 || r.Closes != 4 || r.Dropped != 4 {
		t.Errorf("report %+v", r)
	}
	if s := j.Stats(); s.Dropped != 4 {
		t.Errorf("stats %+v", s)
	}
}

func TestQueueBytes(t *testing.T) {
	c := small(t.TempDir())
	c.QueueBytes = 3000
	j, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	full := 0
	for range 100 {
		j.Append(opened(flow.NewSessionID()), func(_ flow.Identity, err error) {
			if errors.Is(err, ErrFull) {
				full++
			}
		})
	}
	if full < 90 || full > 99 {
		t.Errorf("%d of 100 records did not fit into 3000 bytes", full)
	}
}

func TestNoDurability(t *testing.T) {
	c := small(t.TempDir())
	c.Settings.Durability = DurabilityNone
	j, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	answered := false
	j.Append(opened(flow.NewSessionID()), func(id flow.Identity, err error) {
		answered = err == nil && id == flow.Identity{Journal: j.ID()}
	})
	if !answered {
		t.Error("no answer at once")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestLongRecords(t *testing.T) {
	c := small(t.TempDir())
	j, stop := running(t, c)
	long := flow.Record{Event: flow.EventConfigRejected, Config: &flow.Config{}}
	for _, size := range []int{64 << 10, 200_000, maxLine - 1000} {
		long.Config.Error = string(bytes.Repeat([]byte{'x'}, size))
		mustAppend(t, j, long)
	}
	long.Config.Error = string(bytes.Repeat([]byte{'x'}, maxLine))
	if _, err := appendWait(j, long); !errors.Is(err, errTooLong) {
		t.Errorf("a record of more than a line: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	content(t, c.Settings.Dir)
	if n := len(entries(t, c.Settings.Dir)[2].Record.Config.Error); n != 200_000 {
		t.Errorf("read %d bytes back", n)
	}
}
