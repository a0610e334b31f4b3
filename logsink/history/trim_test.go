package history_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestMaxAge stores old records and new ones: the old go, some with each delivery.
func TestMaxAge(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, append(someRecords(time.Now().Add(-10*time.Hour), 4000), someRecords(time.Now(), 2000)...)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries)
	closeStore(t, s)
	s = open(t, history.Config{Dir: dir, Settings: history.Settings{MaxAge: time.Hour}})
	for range 5 { // each erases up to 1,024
		deliver(t, s, entries[len(entries)-1:])
	}
	kept := wanted(entries, history.Filter{Since: time.Now().Add(-time.Hour)})
	sameEntries(t, "what is young", records(t, &s.Reader, history.Filter{}), kept)
	if at, err := s.Resume(t.Context(), last(entries).Journal); at != last(entries) || err != nil {
		t.Errorf("it resumes at %v, %v", at, err)
	}
}

// TestMaxSize stores more than there is room for: the newest stay, the file does not grow, and of what it was too large
// it gives back.
func TestMaxSize(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 30_000)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries[:20_000])
	closeStore(t, s)
	path := filepath.Join(dir, "history.db")
	before := size(t, path)
	s = open(t, history.Config{Dir: dir, Settings: history.Settings{MaxSize: 2 * flow.MiB}})
	deliver(t, s, entries[20_000:])
	for range 60 {
		deliver(t, s, entries[len(entries)-1:])
	}
	got := records(t, &s.Reader, history.Filter{})
	if len(got) < 3000 || len(got) > 15_000 {
		t.Errorf("%d records are left", len(got))
	}
	sameEntries(t, "the newest", got, wanted(entries[len(entries)-len(got):], history.Filter{}))
	closeStore(t, s)
	if after := size(t, path); before < 3<<20 || after > 2<<20+4*1024*256 {
		t.Errorf("the file had %d bytes and has %d", before, after)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %s, %v", verdict, err)
	}
}

// TestKeepFree has a file system on which more is to stay free than is: the history gives way down to nothing, and is
// there again when there is room.
func TestKeepFree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 6000)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries[:4000])
	closeStore(t, s)
	s = open(t, history.Config{Dir: dir, KeepFree: 1 << 60})
	for range 8 { // each erases up to 1,024
		deliver(t, s, entries[3999:4000])
	}
	if got := records(t, &s.Reader, history.Filter{}); len(got) > 1 {
		t.Errorf("%d records are left", len(got))
	}
	if at, err := s.Resume(t.Context(), entries[0].Identity.Journal); err != nil || at != entries[3999].Identity {
		t.Errorf("it resumes at %v, %v", at, err)
	}
	closeStore(t, s)
	s = open(t, history.Config{Dir: dir, KeepFree: 1})
	deliver(t, s, entries[4000:])
	sameEntries(t, "what came later", records(t, &s.Reader, history.Filter{}), entries[4000:])
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestView looks at the store as a person with the sqlite3 program does.
func TestView(t *testing.T) {
	dir, at := t.TempDir(), begun().Add(678)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, []journal.Entry{{
		Identity: flow.Identity{Journal: "j", Epoch: "e", Seq: 7}, Line: []byte("{}"),
		Record: flow.Record{
			Time: at, Event: flow.EventSessionOpen, Service: "pg",
			Peer: &flow.Peer{Zone: flow.ZoneLAN}, Verdict: &flow.Verdict{Action: flow.WouldDeny},
			Origin: &flow.Origin{
				Attribution: flow.AttributionLiveSocket, UID: 1000, User: "ada", Program: "psql",
				Holders: []*flow.Process{{Program: "node server.js", UID: 0, User: "root"}},
			},
		},
	}})
	closeStore(t, s)
	db, err := sql.Open("sqlite", filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	var got string
	err = db.QueryRow(`SELECT time || ' ' || event || ' ' || service || ' ' || verdict || ' (' || zones || ') (' || programs ||
		') (' || users || ') ' || journal || epoch || seq FROM log`).Scan(&got)
	want := at.Format("2006-01-02T15:04:05") + ".000000678Z session.open pg would_deny (lan) (psql | node server.js) (1000 ada 0 root) je7"
	if got != want || err != nil {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}
