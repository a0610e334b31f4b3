package journal

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// neverTakes is a destination that is down.
func neverTakes(name string) *store {
	return &store{name: name, deliver: func(ctx context.Context, _ int) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}}
}

// TestAgeWaitsForFeeds: what a feed has not taken does not go for its age, neither while lodoor runs nor when it
// starts; what all have taken does.
func TestAgeWaitsForFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := small(t.TempDir())
		c.Settings.RotateAge, c.Settings.MaxAge = time.Hour, 2*time.Hour
		j, stop := running(t, c)
		_, end := feeding(t, j, FeedConfig{Destination: neverTakes("nats")})
		for range 6 {
			session(t, j)
			<-time.After(time.Hour)
		}
		synctest.Wait()
		if list := pruned(t, c.Settings.Dir); len(list) != 0 {
			t.Errorf("erased before it was taken: %+v", list[0])
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		_ = end()
		for _, s := range segmentsOf(t, c.Settings.Dir) { // the file system has another clock than the test
			if err := os.Chtimes(s.path, time.Now(), time.Now().Add(-3*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		j, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		if list := pruned(t, c.Settings.Dir); len(list) != 0 {
			t.Errorf("erased at the start, before the feed was there: %+v", list[0])
		}
		if err := j.Close(); err != nil { // the configuration has no feed any more
			t.Fatal(err)
		}
		if list := pruned(t, c.Settings.Dir); len(list) < 3 || !strings.Contains(list[0].Reason, "kept for 2h") {
			t.Errorf("erased %d when there is no feed", len(list))
		}
		content(t, c.Settings.Dir)
	})
}

// TestSizeDoesNotWaitForFeeds: a limit of space is kept, and the record of it names who loses by that.
func TestSizeDoesNotWaitForFeeds(t *testing.T) {
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.MaxSize = smallestRotate, 4*smallestRotate
	j, stop := running(t, c)
	_, end := feeding(t, j, FeedConfig{Destination: neverTakes("nats")})
	_, endOther := feeding(t, j, FeedConfig{Destination: neverTakes("alert-mail")})
	for range 40 {
		session(t, j)
	}
	list := pruned(t, c.Settings.Dir)
	if len(list) == 0 || !strings.HasSuffix(list[0].Reason, "; not yet taken by alert-mail, nats") {
		t.Errorf("erased %+v", list)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	_, _ = end(), endOther()
	content(t, c.Settings.Dir)
}

// TestReserve: it is there while there is room, no larger than its share, and leaves nothing behind where there is none.
func TestReserve(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		maxSize flow.Size
		total   uint64
		want    flow.Size
	}{
		{DefaultMaxSize, 100 * gib, 256 * flow.KiB},
		{flow.MiB, 100 * gib, 16 * flow.KiB},
		{100 * flow.KiB, 100 * gib, 0},
		{DefaultMaxSize, 1 << 20, 64 * flow.KiB},
		{DefaultMaxSize, 0, 256 * flow.KiB},
	} {
		if got := reserveFor(Settings{MaxSize: c.maxSize}, c.total); got != c.want {
			t.Errorf("max_size %v on %d bytes: a reserve of %v, want %v", c.maxSize, c.total, got, c.want)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, reserveName)
	for range 2 { // the second time it is there already
		if !holdSpace(path, 64<<10) {
			t.Fatal("no reserve was made")
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 64<<10 || info.Mode().Perm() != 0o600 {
			t.Errorf("reserve %v, %v", info, err)
		}
	}
	if missing := filepath.Join(dir, "missing", reserveName); holdSpace(missing, 64<<10) {
		t.Error("a reserve in no directory")
	}
	f, err := os.Create(filepath.Join(dir, "zeros"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := zeros(f, 10_000); err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 10_000 {
		t.Errorf("written %v, %v", info, err)
	}
}

func TestValidate(t *testing.T) {
	for want, s := range map[string]Settings{
		"":                                 {RotateAge: time.Hour, RefusalsShare: 100, OnFull: OnFullStop},
		"max_size: -1B is negative":        {MaxSize: -1},
		"keep_free: -1B is negative":       {KeepFree: -1},
		"rotate_size: -1B is negative":     {RotateSize: -1},
		"max_age: -1s is negative":         {MaxAge: -time.Second},
		"rotate_age: 1ms is too short":     {RotateAge: time.Millisecond},
		"refusals_share: 101 is no share":  {RefusalsShare: 101},
		"on_full: refuse does not go with": {OnFull: OnFullRefuse, Durability: DurabilityNone},
	} {
		err := s.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	for _, o := range []OnFull{OnFullDrop, OnFullRefuse, OnFullStop} {
		text, _ := o.MarshalText()
		var back OnFull
		if err := back.UnmarshalText(text); err != nil || back != o {
			t.Errorf("%s is read as %s, %v", text, back, err)
		}
	}
	if err := new(OnFull).UnmarshalText([]byte("wait")); err == nil || !strings.Contains(err.Error(), "drop, refuse, stop") {
		t.Errorf("unknown policy: %v", err)
	}
}
