package operations_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
)

// kept is what a Log appended.
type kept struct {
	mu      sync.Mutex
	records []flow.Record
	trouble []error
}

func (k *kept) config(s operations.Settings) operations.Config {
	return operations.Config{
		Settings: s,
		Append: func(r flow.Record, done func()) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.records = append(k.records, r)
			done()
		},
		Trouble: func(err error) { k.trouble = append(k.trouble, err) },
	}
}

func TestWhatIsRecorded(t *testing.T) {
	for _, c := range []struct {
		settings operations.Settings
		want     string
	}{
		{operations.Settings{}, ""},
		{operations.Settings{Record: operations.All}, "quick failed slow quick2 "},
		{operations.Settings{Record: operations.Slow}, "failed slow "},
		{operations.Settings{Record: operations.Slow, SlowerThan: time.Minute}, "failed "},
		{operations.Settings{Record: operations.Sample, Sample: 4}, "failed quick2 "},
		{operations.Settings{Record: operations.Sample}, "failed "},
	} {
		synctest.Test(t, func(t *testing.T) {
			var k kept
			ctx, stop := context.WithCancel(t.Context())
			l := operations.New(k.config(c.settings))
			var run sync.WaitGroup
			run.Go(func() { _ = l.Run(ctx) })
			failed := asked(flow.NewSessionID(), "failed", 1, begin(), time.Millisecond)
			failed.Operation.Failed = true
			for _, r := range []*flow.Record{
				asked(flow.NewSessionID(), "quick", 1, begin(), time.Millisecond), failed,
				asked(flow.NewSessionID(), "slow", 1, begin(), 100*time.Millisecond),
				asked(flow.NewSessionID(), "quick2", 1, begin(), time.Millisecond),
			} {
				l.Add(r)
			}
			synctest.Wait()
			var got strings.Builder
			for _, r := range k.records {
				got.WriteString(r.Operation.Text + " ")
			}
			stats := l.Stats()
			if got.String() != c.want || stats.Seen != 4 || stats.Recorded != uint64(len(k.records)) || stats.Dropped != 0 {
				t.Errorf("with %+v: %q, want %q; %+v", c.settings, got.String(), c.want, stats)
			}
			stop()
			run.Wait()
		})
	}
}

// TestNothingWaits: what comes while nobody takes it away is counted and told, and what waits at the end is passed on.
func TestNothingWaits(t *testing.T) {
	var k kept
	l := operations.New(k.config(operations.Settings{Record: operations.All}))
	r := asked(flow.NewSessionID(), "x", 1, begin(), time.Millisecond)
	const many = 10_000
	for range many {
		l.Add(r)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	stats := l.Stats()
	if stats.Dropped == 0 || stats.Recorded+stats.Dropped != many || int(stats.Recorded) != len(k.records) {
		t.Errorf("%+v, %d appended", stats, len(k.records))
	}
	if len(k.trouble) != 1 || !strings.Contains(k.trouble[0].Error(), "operations were dropped") {
		t.Errorf("told: %v", k.trouble)
	}
}

// TestSlowJournal: a journal that takes nothing has no more than its share of operations; the others wait, and what is
// too much for that is dropped. When it goes on they follow.
func TestSlowJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken []func()
		ctx, stop := context.WithCancel(t.Context())
		l := operations.New(operations.Config{
			Settings: operations.Settings{Record: operations.All},
			Append:   func(_ flow.Record, done func()) { taken = append(taken, done) },
		})
		var run sync.WaitGroup
		run.Go(func() { _ = l.Run(ctx) })
		r := asked(flow.NewSessionID(), strings.Repeat("x", 8000), 1, begin(), 0)
		for range 20_000 {
			l.Add(r)
			synctest.Wait()
		}
		stats := l.Stats()
		if n := len(taken); n == 0 || n*8000 > 4<<20 || stats.Dropped == 0 || stats.Recorded != uint64(n) {
			t.Errorf("%d of %+v are with the journal", n, stats)
		}
		for i := 0; i < len(taken); i++ {
			taken[i]()
			synctest.Wait()
		}
		if stats = l.Stats(); stats.Recorded+stats.Dropped != stats.Seen || stats.Recorded != uint64(len(taken)) {
			t.Errorf("%+v, %d taken", stats, len(taken))
		}
		for range 2000 {
			l.Add(r)
		}
		synctest.Wait()
		stop()
		run.Wait() // the journal takes none of the rest, and is not waited for
		if stats = l.Stats(); stats.Recorded+stats.Dropped != stats.Seen {
			t.Errorf("at the end: %+v", stats)
		}
	})
}

func TestFollowersGetTheirService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k kept
		ctx, stop := context.WithCancel(t.Context())
		l := operations.New(k.config(operations.Settings{}))
		var run sync.WaitGroup
		run.Go(func() { _ = l.Run(ctx) })
		leave, left := context.WithCancel(t.Context())
		all, _ := l.Follow(ctx, "", 100)
		db, dropped := l.Follow(leave, "db", 2)
		other := asked(flow.NewSessionID(), "other", 1, begin(), 0)
		other.Service = "web"
		l.Add(other)
		for range 5 {
			l.Add(asked(flow.NewSessionID(), "x", 1, begin(), 0))
		}
		synctest.Wait()
		if len(all) != 6 || len(db) != 2 || dropped() != 3 || len(k.records) != 0 {
			t.Errorf("%d of all, %d of db and %d dropped, %d recorded", len(all), len(db), dropped(), len(k.records))
		}
		left()
		synctest.Wait()
		n := 0
		for range db {
			n++
		}
		stop()
		run.Wait()
		for range all {
			n++
		}
		if n != 8 {
			t.Errorf("%d were read", n)
		}
		if late, _ := l.Follow(t.Context(), "", 1); len(late) != 0 {
			t.Error("something follows the end")
		} else if _, open := <-late; open {
			t.Error("who follows after the end waits for ever")
		}
	})
}

func TestConfigureChangesTheChoice(t *testing.T) {
	var k kept
	l := operations.New(k.config(operations.Settings{}))
	l.Add(asked(flow.NewSessionID(), "before", 1, begin(), 0))
	l.Configure(operations.Settings{Record: operations.All})
	l.Add(asked(flow.NewSessionID(), "after", 1, begin(), 0))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_ = l.Run(ctx)
	if len(k.records) != 1 || k.records[0].Operation.Text != "after" {
		t.Errorf("recorded: %v", k.records)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		settings operations.Settings
		want     string
	}{
		{operations.Settings{}, ""},
		{operations.Settings{Record: 9}, "record: found invalid(9), expected one of off, slow, sample, all"},
		{operations.Settings{SlowerThan: -1}, "slower_than: found -1ns"},
		{operations.Settings{Sample: -1}, "sample: found -1"},
	} {
		err := c.settings.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.settings, err)
		}
	}
	var choice operations.Choice
	if err := choice.UnmarshalText([]byte("sample")); err != nil || choice != operations.Sample {
		t.Errorf("%v, %v", choice, err)
	}
	if err := choice.UnmarshalText([]byte("some")); err == nil || !strings.Contains(err.Error(), "off, slow, sample, all") {
		t.Errorf("%v", err)
	}
}

func BenchmarkAdd(b *testing.B) {
	l := operations.New(operations.Config{Append: func(_ flow.Record, done func()) { done() }, Settings: operations.Settings{Record: operations.Slow}})
	r := asked(flow.NewSessionID(), "x", 1, begin(), time.Millisecond)
	b.ReportAllocs()
	for b.Loop() {
		l.Add(r)
	}
}
