package journal

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// runs makes a journal of three runs, which are three epochs, of three records each.
func runs(t testing.TB, dir string) (all []flow.Identity) {
	t.Helper()
	for range 3 {
		j, stop := running(t, small(dir))
		mustAppend(t, j, flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Hash: "x"}})
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
	return identities(t, dir, 1)
}

func TestFeedResumes(t *testing.T) {
	dir := t.TempDir()
	all := runs(t, dir)
	id := all[0].Journal
	for _, c := range []struct {
		name string
		at   flow.Identity
		want uint64 // the first that is delivered
	}{
		{"it has nothing", flow.Identity{}, 1},
		{"it has the first", all[0], 2},
		{"in the middle of an epoch", all[4], 6},
		{"at the end of an epoch", all[5], 7},
		{"at the end", all[8], 10},
		{"the end of its epoch was lost, its number is another's", flow.Identity{Journal: id, Epoch: all[0].Epoch, Seq: 5}, 4},
		{"the end of its epoch was lost, its number is in the epoch after the next",
			flow.Identity{Journal: id, Epoch: all[0].Epoch, Seq: 8}, 4},
		{"the end of an epoch was lost, and its number is not there", flow.Identity{Journal: id, Epoch: all[3].Epoch, Seq: 99}, 7},
		{"an epoch that is not known", flow.Identity{Journal: id, Epoch: "0000000000000000", Seq: 3}, 1},
		{"an epoch that is not known, and a number that is not there",
			flow.Identity{Journal: id, Epoch: "0000000000000000", Seq: 99}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, stop := running(t, small(dir))
			to := &knowing{store: store{name: "x"}, at: c.at}
			f, end := feeding(t, j, FeedConfig{Destination: to})
			caughtUp(t, f)
			if err := errors.Join(stop(), end()); err != nil {
				t.Fatal(err)
			}
			sameIdentities(t, to.taken(), identities(t, dir, c.want))
			if s := f.Stats(); s.Skipped != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

func TestFeedResumesInAnotherJournal(t *testing.T) {
	j, stop := running(t, small(t.TempDir()))
	to := &knowing{store: store{name: "x"}, at: flow.Identity{Journal: "other", Epoch: "e", Seq: 1}}
	f, err := j.Feed(FeedConfig{Destination: to})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.step(t.Context()); err == nil || !strings.Contains(err.Error(), `"other"`) {
		t.Errorf("error %v", err)
	}
	if err := stop(); err != nil || len(to.taken()) != 0 {
		t.Errorf("%v, %v", err, to.taken())
	}
}

// TestFeedResumesBehindErased has a destination whose last record was erased, with its epoch or not.
func TestFeedResumesBehindErased(t *testing.T) {
	dir := t.TempDir()
	j, stop := segmented(t, dir)
	epoch := entries(t, dir)[0].Identity
	j.writer.mu.Lock()
	oldest := j.writer.current.first
	for len(j.writer.finished) > 0 {
		j.writer.prune(j.writer.retainAt, "a test")
	}
	j.writer.mu.Unlock()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{"known": epoch.Epoch, "unknown": "0000000000000000"} {
		t.Run(name, func(t *testing.T) {
			j, _ := running(t, small(dir))
			to := &knowing{store: store{name: name}, at: flow.Identity{Journal: j.ID(), Epoch: id, Seq: 2}}
			f, _ := feeding(t, j, FeedConfig{Destination: to})
			caughtUp(t, f)
			sameIdentities(t, to.taken(), identities(t, dir, oldest))
			if s := f.Stats(); s.Skipped != oldest-3 {
				t.Errorf("stats %+v, erased up to %d", s, oldest-1)
			}
		})
	}
}

// TestFeedFromNow begins with this run, and then where it was.
func TestFeedFromNow(t *testing.T) {
	dir := t.TempDir()
	all := runs(t, dir)
	for _, to := range []interface {
		Destination
		taken() []flow.Identity
	}{&store{name: "cursor"}, &knowing{store: store{name: "resumer"}}} {
		first := all[len(all)-1].Seq + 1
		for range 3 {
			j, stop := running(t, small(dir))
			f, end := feeding(t, j, FeedConfig{Destination: to, FromNow: true})
			if err := errors.Join(stop(), end()); err != nil {
				t.Fatal(err)
			}
			if s := f.Stats(); s.Skipped != 0 {
				t.Errorf("stats %+v", s)
			}
		}
		sameIdentities(t, to.taken(), identities(t, dir, first))
		all = identities(t, dir, 1)
	}
}

// TestFeedFromNowThatTookNothing is dropped, as by a kill, while its destination takes nothing: what waited is delivered by
// the next run, and what was there before the first is not. It is so in a new journal as well.
func TestFeedFromNowThatTookNothing(t *testing.T) {
	for _, earlier := range []bool{true, false} {
		dir := t.TempDir()
		first := uint64(1)
		if earlier {
			all := runs(t, dir)
			first = all[len(all)-1].Seq + 1
		}
		to := &store{name: "x"}
		for range 2 {
			j, stop := running(t, small(dir))
			session(t, j)
			f, err := j.Feed(FeedConfig{Destination: refusing{to}, FromNow: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := f.step(t.Context()); !errors.Is(err, errRefusing) {
				t.Fatal(err)
			}
			f.reader.close()
			j.feeds.remove(f)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		}
		j, stop := running(t, small(dir))
		_, end := feeding(t, j, FeedConfig{Destination: to, FromNow: true})
		if err := errors.Join(stop(), end()); err != nil {
			t.Fatal(err)
		}
		sameIdentities(t, to.taken(), identities(t, dir, first))
	}
}

// refusing is a destination that takes nothing now.
type refusing struct{ *store }

var errRefusing = errors.New("it takes nothing")

func (refusing) Deliver(context.Context, []Entry) (int, error) { return 0, errRefusing }

// TestFeedAfterACrash drops the feed without its cursor having been saved: everything comes again.
func TestFeedAfterACrash(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	session(t, j)
	to := &store{name: "x"}
	for range 2 {
		f, err := j.Feed(FeedConfig{Destination: to})
		if err != nil {
			t.Fatal(err)
		}
		f.finish(t.Context())
		f.reader.close()
		j.feeds.remove(f)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	want := identities(t, dir, 1)[:3]
	sameIdentities(t, to.taken(), append(want, want...))
}

// TestFeedWhoseCursorCannotBeWritten goes on, says so once, and tells that its records will come again.
func TestFeedWhoseCursorCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	j, stop := running(t, small(dir))
	var warned warnings
	to := &store{name: "x"}
	f, err := j.Feed(FeedConfig{Destination: to, Warn: warned.add})
	if err != nil {
		t.Fatal(err)
	}
	f.cursor.path = dir + "/lock/x.json" // which is no directory
	for range 3 {
		session(t, j)
		f.finish(t.Context())
		f.save()
	}
	if w := warned.String(); strings.Count(w, "write the cursor") != 1 {
		t.Errorf("warned %q", w)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(stop(), f.Run(ctx)); err == nil || !strings.Contains(err.Error(), "write the cursor of feed x") {
		t.Errorf("error %v", err)
	}
	sameIdentities(t, to.taken(), identities(t, dir, 1))
}

// silent is a store that cannot be asked where it is.
type silent struct{ store }

func (*silent) Resume(context.Context, string) (flow.Identity, error) {
	return flow.Identity{}, errors.New("nobody answers")
}

// What has been away since the start is late, too: it is alerted by its lag.
func TestFeedThatNeverBeganIsLate(t *testing.T) {
	j, _ := running(t, small(t.TempDir()))
	f, end := feeding(t, j, FeedConfig{Destination: &silent{store{name: "x"}}})
	testkit.Wait(t, "the feed to be late", func() bool { return f.Stats().Lag > 0 }, 10*time.Second)
	if s := f.Stats(); s.Behind == 0 || s.Err == nil {
		t.Errorf("stats %+v", s)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}
