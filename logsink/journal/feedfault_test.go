package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestFeedWantsOnly(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	to := &store{name: "opens", only: flow.EventSessionOpen}
	f, end := feeding(t, j, FeedConfig{Destination: to, Batch: 2})
	for range 5 {
		session(t, j)
	}
	caughtUp(t, f)
	if s := f.Stats(); s.Delivered != 5 || s.At.Seq != 11 || s.At.Epoch == "" {
		t.Errorf("stats %+v", s)
	}
	if err := errors.Join(stop(), end()); err != nil {
		t.Fatal(err)
	}
	for i, id := range to.taken() {
		if id.Seq != uint64(2*i+2) {
			t.Errorf("%d: %+v", i, id)
		}
	}
}

func TestFeedOfABadName(t *testing.T) {
	j, _ := running(t, small(t.TempDir()))
	for _, name := range []string{"", "a/b", "..", "a b", strings.Repeat("x", 65)} {
		if _, err := j.Feed(FeedConfig{Destination: &store{name: name}}); err == nil {
			t.Errorf("%q was taken for a name", name)
		}
	}
	if _, err := j.Feed(FeedConfig{Destination: &store{name: "x"}, Share: 2}); err == nil {
		t.Error("a share of 2")
	}
	_, end := feeding(t, j, FeedConfig{Destination: &store{name: "one"}})
	if _, err := j.Feed(FeedConfig{Destination: &store{name: "one"}}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("twice: %v", err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Feed(FeedConfig{Destination: &store{name: "one"}}); err != nil {
		t.Errorf("after it has ended: %v", err)
	}
}

func TestFeedOfAnotherJournal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, cursorDir, "x.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	other := []byte(`{"journal":"other","epoch":"e","seq":7}`)
	writeFile(t, path, other)
	j, stop := running(t, small(dir))
	f, end := feeding(t, j, FeedConfig{Destination: &store{name: "x"}}) // this journal begins now
	caughtUp(t, f)
	if err := errors.Join(end(), stop()); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, other)
	j, _ = running(t, small(dir))
	if _, err := j.Feed(FeedConfig{Destination: &store{name: "x"}}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	writeFile(t, path, nil) // as a machine that died may leave it
	var warned warnings
	to := &store{name: "x"}
	f, _ = feeding(t, j, FeedConfig{Destination: to, FromNow: true, Warn: warned.add})
	caughtUp(t, f)
	if !strings.Contains(warned.String(), "from the oldest on") || len(to.taken()) != 3 {
		t.Errorf("warned %q, took %v", &warned, to.taken())
	}
}

// TestFeedBacksOff has a destination that fails, then takes a part, then all. It runs in a bubble: the pauses are long.
func TestFeedBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j, stop := running(t, small(dir))
		var warned warnings
		var at []time.Time
		to := &store{name: "x"}
		down := errors.New("it is down")
		to.deliver = func(_ context.Context, n int) (int, error) {
			at = append(at, time.Now())
			switch {
			case len(at) <= 9:
				return 0, down
			case len(at) == 10:
				return 1, down
			case len(at) == 11:
				return 0, nil
			}
			return n, nil
		}
		f, end := feeding(t, j, FeedConfig{Destination: to, Warn: warned.add})
		session(t, j)
		<-time.After(time.Minute)
		if s := f.Stats(); !errors.Is(s.Err, down) || s.Behind != 3 || s.Lag < 50*time.Second || s.Since.IsZero() {
			t.Errorf("stats %+v", s)
		}
		<-time.After(time.Hour)
		if err := errors.Join(stop(), end()); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < 9; i++ {
			longest := min(time.Second<<(i-1), longestBackoff)
			if pause := at[i].Sub(at[i-1]); pause < longest/2 || pause > longest {
				t.Errorf("pause %d was %v, want at most %v", i, pause, longest)
			}
		}
		if pause := at[10].Sub(at[9]); pause > firstBackoff {
			t.Errorf("after a part was taken it paused for %v", pause)
		}
		sameIdentities(t, to.taken(), identities(t, dir, 1))
		if w := warned.String(); w != "feed x: it is down\n<nil>" {
			t.Errorf("warned:\n%s", w)
		}
		if s := f.Stats(); s.Err != nil || !s.Since.IsZero() || s.Lag != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

type later struct{ error }

func (later) RetryAfter() time.Duration { return 10 * time.Minute }

func TestFeedWaitsAsLongAsItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, stop := running(t, small(t.TempDir()))
		var at []time.Time
		to := &store{name: "x"}
		to.deliver = func(_ context.Context, n int) (int, error) {
			if at = append(at, time.Now()); len(at) == 1 {
				return 0, later{errors.New("too many")}
			}
			return n, nil
		}
		_, end := feeding(t, j, FeedConfig{Destination: to})
		<-time.After(time.Hour)
		if err := errors.Join(stop(), end()); err != nil {
			t.Fatal(err)
		}
		if pause := at[1].Sub(at[0]); pause != 10*time.Minute {
			t.Errorf("it paused for %v", pause)
		}
	})
}

// TestFeedThatHangs ends while its destination waits for its context: what is left is tried once more.
func TestFeedThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j, stop := running(t, small(dir))
		to := &store{name: "x"}
		to.deliver = func(ctx context.Context, _ int) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		f, end := feeding(t, j, FeedConfig{Destination: to})
		session(t, j)
		synctest.Wait()
		begun := time.Now()
		if err := errors.Join(stop(), end()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != endingTime {
			t.Errorf("the end took %v", took)
		}
		if s := f.Stats(); s.Delivered != 0 || s.Behind != 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestFeedShare has a local destination that takes its time: with a tenth of a processor it rests nine times as long.
func TestFeedShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, stop := running(t, small(t.TempDir()))
		for range 5 {
			session(t, j)
		}
		to := &store{name: "x"}
		to.deliver = func(_ context.Context, n int) (int, error) {
			<-time.After(100 * time.Millisecond)
			return n, nil
		}
		f, end := feeding(t, j, FeedConfig{Destination: to, Batch: 1, Share: 0.1})
		<-time.After(5*time.Second + 50*time.Millisecond)
		if n := f.Stats().Delivered; n != 5 {
			t.Errorf("%d records in 5 s, each of which took 0.1 s", n)
		}
		if err := errors.Join(stop(), end()); err != nil {
			t.Fatal(err)
		}
		if n := f.Stats().Behind; n != 0 {
			t.Errorf("%d records are left though it did not rest at its end", n)
		}
	})
}

// TestSlowFeedDelaysNobody has one that takes nothing, beside another and the journal.
func TestSlowFeedDelaysNobody(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	stuck := make(chan struct{})
	slow := &store{name: "slow", deliver: func(_ context.Context, n int) (int, error) {
		<-stuck
		return n, nil
	}}
	_, endSlow := feeding(t, j, FeedConfig{Destination: slow})
	quick := &store{name: "quick"}
	f, end := feeding(t, j, FeedConfig{Destination: quick})
	for range 100 {
		session(t, j)
	}
	caughtUp(t, f)
	if n := len(slow.taken()); n != 0 {
		t.Errorf("the slow one has %d", n)
	}
	close(stuck)
	if err := errors.Join(stop(), end(), endSlow()); err != nil {
		t.Fatal(err)
	}
	sameIdentities(t, quick.taken(), identities(t, dir, 1))
	sameIdentities(t, slow.taken(), identities(t, dir, 1))
}

// TestFeedSkipsWhatWasErased erases what the feed has not taken: it goes on with the oldest record, and says so.
func TestFeedSkipsWhatWasErased(t *testing.T) {
	dir := t.TempDir()
	j, stop := segmented(t, dir)
	var warned warnings
	to := &store{name: "x"}
	f, err := j.Feed(FeedConfig{Destination: to, Warn: warned.add})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.step(t.Context()); err != nil { // some are taken
		t.Fatal(err)
	}
	n := len(to.taken())
	for range 20 {
		session(t, j)
	}
	f.reader.close() // otherwise it reads the file to its end
	j.writer.mu.Lock()
	last := j.writer.current.first - 1
	if names := j.holding(last); len(names) != 1 || names[0] != "x" {
		t.Errorf("holding: %v", names)
	}
	for len(j.writer.finished) > 0 {
		j.writer.prune(time.Now(), "a test")
	}
	j.writer.mu.Unlock()
	f.finish(t.Context())
	erased := last - uint64(n)
	if s := f.Stats(); s.Skipped != erased || s.Behind != 0 {
		t.Errorf("stats %+v, %d were erased", s, erased)
	}
	sameIdentities(t, to.taken()[n:], identities(t, dir, last+1))
	if !strings.Contains(warned.String(), "were erased before they were delivered") {
		t.Errorf("warned %q", &warned)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// TestFeedNeverSeesWhatIsWithdrawn fails a sync: the line is in the file then, and its number is given to another.
func TestFeedNeverSeesWhatIsWithdrawn(t *testing.T) {
	dir := t.TempDir()
	c := small(dir)
	c.Settings.Durability = DurabilityDisk
	d := &disk{}
	j, stop := runningOn(t, c, d.open)
	to := &store{name: "x"}
	f, end := feeding(t, j, FeedConfig{Destination: to})
	for range 4 {
		session(t, j)
		d.set(func(d *disk) { d.sync = errors.New("bad block") })
		if _, err := appendWait(j, opened(flow.NewSessionID())); err == nil {
			t.Fatal("the sync did not fail")
		}
		d.set(func(d *disk) { d.sync = nil })
		testkit.Wait(t, "the journal to write again", func() bool {
			_, err := appendWait(j, flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Hash: "x"}})
			return err == nil
		}, 10*time.Second)
	}
	caughtUp(t, f)
	if err := errors.Join(stop(), end()); err != nil {
		t.Fatal(err)
	}
	sameIdentities(t, to.taken(), identities(t, dir, 1))
	content(t, dir)
}

// TestFeedAmidRotation writes from many sides while the feed runs, segments are compressed, and those that it has taken
// are erased.
func TestFeedAmidRotation(t *testing.T) {
	c := small(t.TempDir())
	c.Settings.RotateSize = smallestRotate
	j, stop := running(t, c)
	to := &store{name: "x"}
	f, end := feeding(t, j, FeedConfig{Destination: to, Batch: 16})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for range 30 {
				session(t, j)
			}
		})
	}
	erased := 0
	for f.Stats().Delivered < 240 || erased == 0 {
		if err := j.compressDue(t.Context(), time.Now().Add(2*packAge)); err != nil {
			t.Error(err)
		}
		j.writer.mu.Lock()
		if len(j.writer.finished) > 3 && len(j.writer.waiting()) == 0 {
			j.writer.prune(time.Now(), "a test")
			erased++
		}
		j.writer.mu.Unlock()
		<-time.After(time.Millisecond) // the others are to run
	}
	writers.Wait()
	if err := errors.Join(stop(), end()); err != nil {
		t.Fatal(err)
	}
	r := content(t, c.Settings.Dir)
	got := to.taken()
	for i, id := range got {
		if id.Seq != uint64(i+1) {
			t.Fatalf("%d behind %d", id.Seq, i)
		}
	}
	if s := f.Stats(); erased == 0 || uint64(len(got)) != r.Last || s.Skipped != 0 {
		t.Errorf("%d of %d, %d segments erased; %+v", len(got), r.Last, erased, s)
	}
}
