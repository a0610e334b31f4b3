package journal

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestReadFrom(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	all := entries(t, dir)
	for i, e := range all {
		if e.Identity.Seq != uint64(i+1) || e.Identity.Journal == "" || e.Identity.Epoch != all[0].Identity.Epoch {
			t.Fatalf("entry %d is %v", i, e.Identity)
		}
	}
	for _, from := range []uint64{1, 2, 7, uint64(len(all)), uint64(len(all)) + 1} {
		n := 0
		for e, err := range Read(dir, From{Seq: from}) {
			if err != nil || n == 0 && e.Identity != all[from-1].Identity {
				t.Fatalf("from %d: %v, %v", from, e.Identity, err)
			}
			n++
		}
		if n != len(all)-int(from)+1 {
			t.Errorf("from %d: %d of %d records", from, n, len(all))
		}
	}
	since := all[len(all)/2].Record.Time
	n, want := 0, 0
	for _, e := range all {
		if !e.Record.Time.Before(since) {
			want++
		}
	}
	for e, err := range Read(dir, From{Since: since}) {
		if err != nil || e.Record.Time.Before(since) {
			t.Fatalf("since %v: %v, %v", since, e.Record.Time, err)
		}
		n++
	}
	if n != want {
		t.Errorf("since the middle: %d records, want %d", n, want)
	}
}

func TestReadSkipsOldSegments(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	s := segmentsOf(t, dir)[0]
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(s.path, old, old); err != nil {
		t.Fatal(err)
	}
	for e, err := range Read(dir, From{Since: time.Now().Add(-30 * time.Minute)}) {
		if err != nil || e.Identity.Seq < segmentsOf(t, dir)[1].first || e.Identity.Epoch == "" {
			t.Fatalf("read %v, %v", e.Identity, err)
		}
		break
	}
}

func TestReadGoesOnAfterDamage(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	editLines(0, func(l [][]byte) [][]byte {
		l[1] = []byte("no record\n")
		l[2] = bytes.Replace(l[2], []byte(`"session.close"`), []byte(`"session.shape"`), 1)
		return l
	})(t, dir)
	var bad []string
	n := 0
	for e, err := range Read(dir, From{}) {
		n++
		if err != nil {
			bad = append(bad, err.Error())
			if e.Line == nil {
				t.Error("a line that cannot be read is not shown")
			}
		}
	}
	name := segmentName(1)
	if len(bad) != 2 || n < 16 || bad[0][:len(name)+3] != name+":2:" || bad[1][:len(name)+3] != name+":3:" {
		t.Errorf("%d entries, %q", n, bad)
	}
}

func TestReadNothing(t *testing.T) {
	for e, err := range Read(filepath.Join(t.TempDir(), "none"), From{}) {
		if err == nil {
			t.Errorf("read %v", e)
		}
	}
	for e, err := range Read(t.TempDir(), From{}) {
		t.Errorf("read %v, %v", e, err)
	}
}

// TestFollow follows a journal that rotates and is pruned while it is written, and sees each record once.
func TestFollow(t *testing.T) {
	c := small(t.TempDir())
	c.Settings.RotateSize, c.Settings.MaxSize = smallestRotate, 40*smallestRotate
	j, stop := running(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan Entry, 1000)
	go func() {
		defer close(seen)
		for e, err := range Follow(ctx, c.Settings.Dir, From{}) {
			if err != nil {
				t.Error(err)
				return
			}
			seen <- e
		}
	}()
	for range 100 {
		session(t, j)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	next := uint64(1)
	for e := range seen {
		if e.Identity.Seq != next {
			t.Fatalf("followed %d, want %d", e.Identity.Seq, next)
		}
		next++
		if e.Record.Event == flow.EventJournalStop {
			cancel()
		}
	}
	if next < 202 {
		t.Errorf("followed %d records", next-1)
	}
}

// TestFollowHalfALine sees a line only when it is complete.
func TestFollowHalfALine(t *testing.T) {
	from, dir := t.TempDir(), t.TempDir()
	whole(t, from)
	text := readFile(t, segmentsOf(t, from)[0].path)
	cut := bytes.IndexByte(text, '\n') + 30
	path := filepath.Join(dir, segmentName(1))
	writeFile(t, path, text[:cut])
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan uint64, 100)
	go func() {
		defer close(seen)
		for e, err := range Follow(ctx, dir, From{}) {
			if err != nil {
				t.Error(err)
			}
			seen <- e.Identity.Seq
		}
	}()
	if got := <-seen; got != 1 {
		t.Fatalf("first record %d", got)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(text[cut:]); err != nil {
		t.Fatal(err)
	}
	for want := range uint64(bytes.Count(text, []byte("\n"))) {
		if want > 0 && <-seen != want+1 {
			t.Fatalf("record %d is missing", want+1)
		}
	}
	cancel()
	for range seen {
		t.Error("a record too many")
	}
}

// TestReadPrunedMeanwhile erases a segment between two steps of a reader.
func TestReadPrunedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	whole(t, dir)
	list := segmentsOf(t, dir)
	var got []uint64
	for e, err := range Read(dir, From{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Identity.Seq == 1 {
			for _, s := range list[:2] {
				if err := os.Remove(s.path); err != nil {
					t.Fatal(err)
				}
			}
		}
		got = append(got, e.Identity.Seq)
	}
	at := int(list[1].first - 1)
	if len(got) <= at || got[at] != list[2].first {
		t.Errorf("read %v; %d follows the segment that was being read", got, list[2].first)
	}
}
