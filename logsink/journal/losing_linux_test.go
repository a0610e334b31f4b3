package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestLossIsToldAfterTrouble: a full disk that is met by a record that waits loses nothing yet. That the next ones are
// lost is told for itself, since lodoor may have to end for it.
func TestLossIsToldAfterTrouble(t *testing.T) {
	before := flow.NewSessionID()
	f := fillDisk(t, DurabilityProcess, OnFullStop, before)
	alert := flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{Count: 1}}
	testkit.Wait(t, "the last page to be full", func() bool {
		_, err := appendWait(f.Journal, alert)
		return errors.Is(err, ErrSpace)
	}, waitLong)
	testkit.Wait(t, "the alert to be written", func() bool {
		_, err := appendWait(f.Journal, alert)
		return err == nil
	}, waitLong)
	if s := f.Stats(); f.told.count() != 1 || s.Dropped != 0 || s.Losing {
		t.Fatalf("nothing is lost yet: troubles %v, %+v", f.told.all(), s)
	}
	for range 3 {
		if _, err := appendWait(f.Journal, opened(flow.NewSessionID())); !errors.Is(err, ErrSpace) {
			t.Errorf("an open on a full disk: %v", err)
		}
	}
	testkit.Wait(t, "the losses to be counted", func() bool { return f.Stats().Dropped == 3 }, waitLong)
	if s := f.Stats(); f.told.count() != 2 || !errors.Is(f.told.all()[1], ErrSpace) || !s.Losing {
		t.Errorf("records are lost: troubles %v, %+v", f.told.all(), s)
	}
	if err := os.Remove(f.ballast); err != nil {
		t.Fatal(err)
	}
	mended(t, f.Journal)
	mustAppend(t, f.Journal, closed(before))
	testkit.Wait(t, "the end of the trouble", func() bool { return f.mended.Load() == 1 && !f.Stats().Losing }, waitLong)
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	content(t, f.dir)
}

// TestFeedOnAFullDisk: that a cursor cannot be kept is no reason not to start, and is told.
func TestFeedOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, "4m,nr_inodes=32")
	j, stop := running(t, small(filepath.Join(disk, "journal")))
	var ballast []string
	for n := 0; ; n++ {
		path := filepath.Join(disk, strconv.Itoa(n))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			break
		}
		ballast = append(ballast, path)
	}
	var warned warnings
	to := &store{name: "x"}
	f, end := feeding(t, j, FeedConfig{Destination: to, Warn: warned.add})
	session(t, j)
	caughtUp(t, f)
	testkit.Wait(t, "a warning of the cursor", func() bool {
		return strings.Contains(warned.String(), "write the cursor of feed x")
	}, waitLong)
	for _, path := range ballast {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(stop(), end()); err != nil {
		t.Fatal(err)
	}
	if at, err := f.cursor.read(j.ID()); err != nil || at.Seq != 4 || len(to.taken()) != 4 {
		t.Errorf("the cursor is at %+v (%v), of %d records", at, err, len(to.taken()))
	}
}
