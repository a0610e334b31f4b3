package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// relieved is a journal whose disk, when it is full, has room again once the journal has told so: as it has when the
// reserve was given up.
func relieved(t *testing.T, d *disk) (Config, *troubles) {
	t.Helper()
	told := &troubles{}
	c := small(t.TempDir())
	c.Trouble = func(err error) {
		told.add(err)
		d.set(func(d *disk) { d.full = false })
	}
	return c, told
}

// TestEndMeetsAFullDisk: what the reserve holds is for journal.stop, too.
func TestEndMeetsAFullDisk(t *testing.T) {
	var d disk
	c, told := relieved(t, &d)
	_, stop := runningOn(t, c, d.open)
	d.set(func(d *disk) { d.full = true })
	if err := stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	list := entries(t, c.Settings.Dir)
	if last := list[len(list)-1].Record.Event; told.count() != 1 || last != flow.EventJournalStop {
		t.Errorf("the last record is %s, troubles %v", last, told.all())
	}
	content(t, c.Settings.Dir)
}

// TestErasingMeetsAFullDisk: a start that finds no room for the record of what it erases does not fail.
func TestErasingMeetsAFullDisk(t *testing.T) {
	var d disk
	c, told := relieved(t, &d)
	c.Settings.RotateSize = smallestRotate
	j, stop := runningOn(t, c, d.open)
	for range 20 {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	c.Settings.MaxSize = 4 * smallestRotate
	d.full, d.room = true, 600 // for journal.start
	_, stop = runningOn(t, c, d.open)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if r := content(t, c.Settings.Dir); told.count() != 1 || r.Pruned == 0 {
		t.Errorf("troubles %v, report %+v", told.all(), r)
	}
}

// TestSegmentsThatStay: that a segment cannot be erased or compressed is over once it can be.
func TestSegmentsThatStay(t *testing.T) {
	var told troubles
	mended := 0
	c := small(t.TempDir())
	c.Trouble, c.Mended = told.add, func() { mended++ }
	j, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	w := j.writer
	for _, err := range []error{errErased, errErased, nil, nil} {
		w.tellPacking(err)
		w.maintain(time.Now())
	}
	if told.count() != 1 || mended != 1 {
		t.Errorf("compression: %d troubles, over %d times", told.count(), mended)
	}
	stays := filepath.Join(c.Settings.Dir, segmentName(1000))
	if err := os.MkdirAll(filepath.Join(stays, "file"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{stays, filepath.Join(stays, "none")} {
		w.finished = []segment{{path: path}}
		w.erase()
		w.maintain(time.Now())
	}
	if told.count() != 2 || mended != 2 {
		t.Errorf("erasing: %d troubles, over %d times", told.count(), mended)
	}
}

// TestSegmentThatCannotBeBegun: the attempts leave no files behind.
func TestSegmentThatCannotBeBegun(t *testing.T) {
	dir := t.TempDir()
	w := &writer{dir: filepath.Join(dir, "none"), files: openOS, settings: Settings{Durability: DurabilityDisk}}
	for range 3 {
		if err := w.begin(segment{path: filepath.Join(dir, segmentName(1)), first: 1}); !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// TestOldSegmentThatCannotEnd: a rotation by age that fails is tried again after a pause, and nothing spins meanwhile.
func TestOldSegmentThatCannotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d disk
		c := small(t.TempDir())
		c.Settings.RotateAge = time.Hour
		j, err := open(c, d.open)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = j.Close() }()
		j.Append(opened(flow.NewSessionID()), nil)
		j.turn()
		d.create = os.ErrPermission
		<-time.After(2 * time.Hour)
		if pause := j.turn(); pause != gapPause {
			t.Errorf("it comes again after %v, expected %v", pause, gapPause)
		}
	})
}
