package history_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// sample are entries of a real journal, and their bytes in it.
func sample(t testing.TB, n int) ([]journal.Entry, int64) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), n)...)
	entries := read(t, dir)
	var bytes int64
	for i := range entries {
		bytes += int64(len(entries[i].Line)) + 1
	}
	return entries, bytes
}

// again makes the next entries out of some: other numbers, times and sessions, and those in the lines as well.
func again(entries []journal.Entry, round int, at time.Time, step time.Duration) []journal.Entry {
	list := slices.Clone(entries)
	first := uint64(round*len(entries)) + 1
	var id flow.SessionID
	for i := range list {
		e := &list[i]
		e.Identity = flow.Identity{Journal: "j", Epoch: "e", Seq: first + uint64(i)}
		e.Record.Time = at.Add(time.Duration(first+uint64(i)) * step)
		old := e.Record.Session
		if e.Record.Event == flow.EventSessionOpen {
			id = flow.NewSessionID()
		}
		if !old.IsZero() {
			e.Record.Session = id
		}
		e.Line = relined(e, old)
	}
	return list
}

// relined is an entry's line with its number, its time and its session.
func relined(e *journal.Entry, old flow.SessionID) []byte {
	line := string(e.Line)
	at := slices.Index(e.Line, ',')
	line = `{"seq":` + strconv.FormatUint(e.Identity.Seq, 10) + line[at:]
	const key = `,"time":"`
	from := len(`{"seq":`) + len(strconv.FormatUint(e.Identity.Seq, 10)) + len(key)
	line = line[:from] + e.Record.Time.UTC().Format("2006-01-02T15:04:05.000000000Z") + line[from+30:]
	if !old.IsZero() {
		const session = `"session":{"id":"`
		i := len(line) - len(line[indexOf(line, session):]) + len(session)
		line = line[:i] + e.Record.Session.String() + line[i+16:]
	}
	tail := len(line) - 66 // the chain cannot be made shorter: it must not be the same all the time
	return []byte(line[:tail] + fmt.Sprintf("%016x%016x%016x%016x", rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()) + line[len(line)-2:])
}

func indexOf(s, part string) int {
	for i := range len(s) - len(part) + 1 {
		if s[i:i+len(part)] == part {
			return i
		}
	}
	return -1
}

// TestManyRecords has 20,000 records, or with LODOOR_SOAK=1 a million over ten hours, and looks for psql's of the last
// hour, from the opening of the file on. With a million it may take 0.3 s, less what a process needs to start.
func TestManyRecords(t *testing.T) {
	total, hours := 20_000, 10*time.Hour
	soak := os.Getenv("LODOOR_SOAK") == "1"
	if soak {
		total = 1_000_000
	}
	entries, _ := sample(t, 5000)
	entries = of(entries[0].Identity.Journal, entries)[1:5001] // without the journal's own
	dir, now := t.TempDir(), time.Now()
	s := open(t, history.Config{Dir: dir})
	var matching int
	for round := range total / len(entries) {
		batch := again(entries, round, now.Add(-hours), hours/time.Duration(total))
		deliver(t, s, batch)
		matching += len(wanted(batch, history.Filter{Programs: []string{"psql"}, Since: now.Add(-time.Hour)}))
	}
	best := time.Duration(1<<63 - 1)
	for range 3 {
		begun := time.Now()
		r, err := history.OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		var one flow.SessionID
		for e, err := range r.Records(t.Context(), history.Filter{Programs: []string{"psql"}, Since: now.Add(-time.Hour)}) {
			if err != nil {
				t.Fatal(err)
			}
			n, one = n+1, e.Record.Session
		}
		best = min(best, time.Since(begun))
		if n != matching {
			t.Errorf("%d records, want %d", n, matching)
		}
		begun = time.Now()
		if pair := records(t, r, history.Filter{Session: one}); len(pair) != 2 {
			t.Errorf("session %v has %d records", one, len(pair))
		}
		session := time.Since(begun)
		begun = time.Now()
		if newest := records(t, r, history.Filter{Verdicts: []string{"allow"}, Limit: 100}); len(newest) != 100 {
			t.Errorf("%d newest", len(newest))
		}
		t.Logf("%d records of %d: %v; a session: %v; the newest 100: %v", n, total, best, session, time.Since(begun))
		closeStore(t, r)
	}
	if soak && best > 300*time.Millisecond {
		t.Errorf("it takes %v", best)
	}
}

// BenchmarkDeliver delivers in batches as a feed does: time of a record, and its bytes on the disk for each in the
// journal.
func BenchmarkDeliver(b *testing.B) {
	entries, bytes := sample(b, 5120)
	entries = of(entries[0].Identity.Journal, entries)[1:5121]
	for _, size := range []int{1, 16, 512} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			dir, now := b.TempDir(), time.Now()
			s := open(b, history.Config{Dir: dir})
			var batch []journal.Entry
			round := 0
			b.ResetTimer()
			for n := 0; n < b.N; n += size {
				if len(batch) < size {
					b.StopTimer()
					batch = again(entries, round, now.Add(-time.Hour), time.Millisecond)
					round++
					b.StartTimer()
				}
				if _, err := s.Deliver(b.Context(), batch[:size]); err != nil {
					b.Fatal(err)
				}
				batch = batch[size:]
			}
			b.StopTimer()
			closeStore(b, s)
			info, err := os.Stat(filepath.Join(dir, "history.db"))
			if err != nil {
				b.Fatal(err)
			}
			stored := (b.N + size - 1) / size * size
			b.ReportMetric(float64(info.Size())/float64(stored)/(float64(bytes)/float64(len(entries))), "bytes/journal's")
		})
	}
}
