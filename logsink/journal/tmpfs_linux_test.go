package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// smallDisk mounts a file system of so many bytes for the test.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	testkit.NeedRoot(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		testkit.Missing(t, "mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// filled is a journal on a file system that another file has filled.
type filled struct {
	*Journal
	stop    func() error
	dir     string
	ballast string
	told    troubles
	mended  atomic.Int64
}

func fillDisk(t *testing.T, d Durability, policy OnFull, before flow.SessionID) *filled {
	t.Helper()
	disk := smallDisk(t, "4m")
	f := &filled{dir: filepath.Join(disk, "journal"), ballast: filepath.Join(disk, "ballast")}
	c := small(f.dir)
	c.Settings.Durability, c.Settings.OnFull = d, policy
	c.Mended = func() { f.mended.Add(1) }
	c.Trouble = func(err error) { // as the alerts do
		f.told.add(err)
		f.Append(flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{
			Condition: "journal", Severity: flow.SeverityCritical, Count: 1, Message: err.Error(),
		}}, nil)
	}
	f.Journal, f.stop = running(t, c)
	mustAppend(t, f.Journal, opened(before))
	if err := os.WriteFile(f.ballast, bytes.Repeat([]byte{1}, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return f
}

// eachDisk runs a test at each durability and policy: the journal is to behave alike under all of them.
func eachDisk(t *testing.T, test func(*testing.T, Durability, OnFull)) {
	for _, d := range []Durability{DurabilityProcess, DurabilityDisk} {
		for _, policy := range []OnFull{OnFullDrop, OnFullRefuse, OnFullStop} {
			t.Run(d.String()+"/"+policy.String(), func(t *testing.T) { test(t, d, policy) })
		}
	}
}

// TestRealDiskFull fills a real file system under the journal, and makes room again. What the reserve holds is for the
// alert, the gap and the closes, however many sessions come meanwhile.
func TestRealDiskFull(t *testing.T) {
	eachDisk(t, func(t *testing.T, d Durability, policy OnFull) {
		before := flow.NewSessionID()
		f := fillDisk(t, d, policy, before)
		var lost uint64
		for range 2000 { // the last page of the segment still has room for some
			if _, err := appendWait(f.Journal, opened(flow.NewSessionID())); errors.Is(err, ErrSpace) {
				lost++
			}
		}
		list := entries(t, f.dir)
		told := slices.ContainsFunc(list, func(e Entry) bool { return e.Record.Event == flow.EventAlert })
		if lost < 1900 || !told || f.told.count() != 1 || !errors.Is(f.told.all()[0], ErrSpace) || f.mended.Load() != 0 {
			t.Errorf("%d lost, alert in the journal: %v, troubles %v, mended %d", lost, told, f.told.all(), f.mended.Load())
		}
		mustAppend(t, f.Journal, closed(before))
		mustAppend(t, f.Journal, flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Source: "test"}})
		if err := os.Remove(f.ballast); err != nil {
			t.Fatal(err)
		}
		mended(t, f.Journal)
		testkit.Wait(t, "the end of the trouble to be told", func() bool { return f.mended.Load() == 1 }, waitLong)
		if _, err := os.Stat(filepath.Join(f.dir, reserveName)); err != nil {
			t.Errorf("the reserve was not made again: %v", err)
		}
		if err := f.stop(); err != nil {
			t.Fatal(err)
		}
		restart(t, f.dir)
		r := content(t, f.dir)
		if r.Dropped != f.Stats().Dropped || r.Dropped < lost {
			t.Errorf("report %+v, %d were lost", r, lost)
		}
		if pairs := pairing(t, f.dir); pairs != "" {
			t.Error(pairs)
		}
	})
}

// TestReserveUsedUp has so many closes that even the reserve is full: they wait, and are written when there is room.
func TestReserveUsedUp(t *testing.T) {
	disk := smallDisk(t, "1m")
	c := small(filepath.Join(disk, "journal"))
	var told troubles
	c.Trouble = told.add
	j, stop := running(t, c)
	ids := make([]flow.SessionID, 200)
	for i := range ids {
		ids[i] = flow.NewSessionID()
		mustAppend(t, j, opened(ids[i]))
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	failed := 0
	for _, id := range ids {
		if _, err := appendWait(j, closed(id)); err != nil {
			failed++
		}
	}
	if failed < 50 || failed == len(ids) || told.count() != 1 {
		t.Errorf("%d of %d closes found no room, troubles %v", failed, len(ids), told.all())
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	mended(t, j)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if r := content(t, c.Settings.Dir); r.Opens != r.Closes || r.Closes < uint64(len(ids)) || r.Dropped != j.Stats().Dropped {
		t.Errorf("report %+v, %d dropped", r, j.Stats().Dropped)
	}
}

// TestRefusalsOnAFullDisk: who knocks while the disk is full is told when it no longer is.
func TestRefusalsOnAFullDisk(t *testing.T) {
	f := fillDisk(t, DurabilityProcess, OnFullRefuse, flow.NewSessionID())
	for range 100 {
		_, _ = appendWait(f.Journal, opened(flow.NewSessionID()))
	}
	const knocks = 3000
	for i := range knocks {
		if _, err := appendWait(f.Journal, refused("pg", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(f.ballast); err != nil {
		t.Fatal(err)
	}
	mended(t, f.Journal)
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	if n := knocksIn(t, f.dir)["pg"]; n != knocks || f.Stats().Merged != knocks {
		t.Errorf("%d of %d refused connections are in the journal, %d merged", n, knocks, f.Stats().Merged)
	}
}

// TestRealDiskKeepsFree lets other files fill the disk: the oldest segments go, and the journal goes on.
func TestRealDiskKeepsFree(t *testing.T) {
	disk := smallDisk(t, "1m")
	c := small(filepath.Join(disk, "journal"))
	c.Settings.RotateSize, c.Settings.KeepFree = 64*flow.KiB, 128*flow.KiB
	j, stop := running(t, c)
	until := time.Now().Add(waitLong)
	for j.Stats().Bytes < 3<<20 && time.Now().Before(until) {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r := content(t, c.Settings.Dir)
	free, _, err := diskSpace(disk)
	if err != nil || r.Dropped != 0 || r.Pruned == 0 || r.Segments < 5 || free < 64<<10 {
		t.Errorf("report %+v, %d bytes free, %v", r, free, err)
	}
}
