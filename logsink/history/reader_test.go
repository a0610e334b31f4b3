package history_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func reader(t *testing.T, dir string) *history.Reader {
	t.Helper()
	r, err := history.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, r) })
	return r
}

// TestReadMeanwhile reads in one goroutine what another delivers: always the journal's first records, and never fewer.
func TestReadMeanwhile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 6000)...)
	entries := wanted(read(t, dir), history.Filter{Events: []flow.Event{flow.EventSessionOpen, flow.EventSessionClose}})
	s := open(t, history.Config{Dir: dir})
	r := reader(t, dir)
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := 0; i < len(entries); i += 50 {
			deliver(t, s, entries[i:min(i+50, len(entries))])
		}
	})
	defer writing.Wait()
	for n := 0; n < len(entries); {
		got := records(t, r, history.Filter{})
		if len(got) < n {
			t.Fatalf("%d records, there were %d before", len(got), n)
		}
		n = len(got)
		sameEntries(t, "meanwhile", got, entries[:n])
	}
}

// TestPause reads half of a page and looks away, as a pager does: the write-ahead log does not grow meanwhile.
func TestPause(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 20_000)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries[:2000])
	r := reader(t, dir)
	for _, err := range r.Records(t.Context(), history.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		deliver(t, s, entries[2000:])
		break
	}
	info, err := os.Stat(filepath.Join(dir, "history.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 6<<20 { // SQLite starts over at 1,000 pages of 4 KiB, after the transaction that reaches them
		t.Errorf("the write-ahead log has %d bytes", info.Size())
	}
}

func TestNoHistory(t *testing.T) {
	dir := t.TempDir()
	if _, err := history.OpenReader(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	path := filepath.Join(dir, "history.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("zero", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := history.OpenReader(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "lodoor history rebuild") {
		t.Error(err)
	}
	if files, _ := filepath.Glob(path + "*"); len(files) != 1 {
		t.Errorf("a reader left %v", files)
	}
	if _, err := history.OpenReader(t.Context(), filepath.Join(dir, "what?ever%41")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestOddPath is of a directory whose name means something in a URI.
func TestOddPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?mode=ro#x%41&ü[*]")
	if err := os.Mkdir(dir, 0o700); err != nil {
		testkit.Missing(t, "the file system has no such names: %v", err)
	}
	write(t, dir, someRecords(begun(), 10)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries)
	sameEntries(t, "all", records(t, reader(t, dir), history.Filter{}), wanted(entries, history.Filter{}))
	closeStore(t, s)
	if err := history.Rebuild(t.Context(), dir, nil); err != nil {
		t.Error(err)
	}
}

func TestRebuild(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 700)...)
	write(t, dir, someRecords(begun(), 800)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries[:1000])
	closeStore(t, s)
	var steps [][2]uint64
	if err := history.Rebuild(t.Context(), dir, func(done, total uint64) { steps = append(steps, [2]uint64{done, total}) }); err != nil {
		t.Fatal(err)
	}
	n := uint64(len(entries))
	if len(steps) != 3 || steps[0] != [2]uint64{512, n} || steps[2] != [2]uint64{n, n} {
		t.Errorf("progress %v of %d", steps, n)
	}
	sameEntries(t, "rebuilt", records(t, reader(t, dir), history.Filter{}), wanted(entries, history.Filter{}))
	again := open(t, history.Config{Dir: dir})
	if at, err := again.Resume(t.Context(), entries[0].Identity.Journal); at != last(entries) || err != nil {
		t.Errorf("it resumes at %v, %v", at, err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*.tmp*")); len(files) > 0 {
		t.Errorf("%v are left", files)
	}
}

// TestRebuildFails leaves what there was.
func TestRebuildFails(t *testing.T) {
	dir := t.TempDir()
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, []journal.Entry{{Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: 1}, Line: []byte("{}")}})
	closeStore(t, s)
	err := history.Rebuild(t.Context(), dir, nil)
	if err == nil || !strings.Contains(err.Error(), "there is no journal in") {
		t.Error(err)
	}
	if at, err := reader(t, dir).Position(t.Context(), "j"); at.Seq != 1 || err != nil {
		t.Errorf("the position is %v, %v", at, err)
	}
}
