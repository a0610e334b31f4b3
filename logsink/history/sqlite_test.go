package history_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// aFilter draws what finds some of the records of aRecord.
func aFilter(at time.Time, ids []flow.SessionID) *rapid.Generator[history.Filter] {
	return rapid.Custom(func(t *rapid.T) history.Filter {
		some := func(name string) []string {
			if rapid.IntRange(0, 3).Draw(t, "with "+name) > 0 {
				return nil
			}
			return rapid.SliceOfN(texts(), 1, 3).Draw(t, name)
		}
		f := history.Filter{Services: some("services"), Users: some("users"), Programs: some("programs")}
		rare := func(name string) bool { return rapid.IntRange(0, 4).Draw(t, name) == 0 }
		if rare("zones") {
			f.Zones = []string{zones().Draw(t, "zone").String(), zones().Draw(t, "zone").String()}
		}
		if rare("verdicts") {
			f.Verdicts = []string{"deny", "would_deny"}
		}
		if rare("events") {
			f.Events = []flow.Event{flow.EventSessionOpen, flow.EventAlert, flow.EventJournalStart, flow.EventJournalStop}
		}
		if rare("session") {
			f.Session = rapid.SampledFrom(ids).Draw(t, "session")
		}
		if rare("since") {
			f.Since = at.Add(time.Duration(rapid.IntRange(0, 15).Draw(t, "s")) * time.Second).Add(1)
		}
		if rare("until") {
			f.Until = at.Add(time.Duration(rapid.IntRange(5, 21).Draw(t, "u")) * time.Second).Add(1)
		}
		if rare("grep") {
			f.Grep = regexp.MustCompile(rapid.SampledFrom([]string{"psql", `"seq":\d*1,`, "alert"}).Draw(t, "g"))
		}
		if rare("limit") {
			f.Limit = rapid.IntRange(1, 20).Draw(t, "limit")
		}
		return f
	})
}

// TestSameAnswers stores random records and asks for them with random filters: the store finds what looking at each
// record of the journal finds.
func TestSameAnswers(t *testing.T) {
	base := t.TempDir()
	check(t, 30, func(t *rapid.T) { sameAnswers(t, base, "") })
}

// check is rapid.Check with n attempts, each of which opens a journal and a store; ten times as many with LODOOR_SOAK=1.
func check(t *testing.T, n int, prop func(*rapid.T)) {
	t.Helper()
	if os.Getenv("LODOOR_SOAK") == "1" {
		n *= 10
	}
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	defer func() { _ = checks.Value.Set(before) }() // it was valid
	if err := checks.Value.Set(strconv.Itoa(n)); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, prop)
}

// sameAnswers does so with SQLite, or with the PostgreSQL at url.
func sameAnswers(t *rapid.T, base, url string) {
	dir, err := os.MkdirTemp(base, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // the test's folder goes anyway
	at, ids := begun(), sessionIDs()
	all := rapid.SliceOfN(aRecord(at, ids), 1, 60).Draw(t, "records")
	half := len(all) / 2
	write(t, dir, all[:half]...)
	write(t, dir, all[half:]...) // another epoch
	entries := read(t, dir)
	settings := history.Settings{}
	if url != "" {
		settings = history.Settings{Store: history.StorePostgres, URL: url}
	}
	s, err := history.Open(t.Context(), history.Config{Dir: dir, Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	deliver(t, s, entries)
	if at, err := s.Resume(t.Context(), entries[0].Identity.Journal); at != last(entries) || err != nil {
		t.Fatalf("it resumes at %v, %v; want %v", at, err, last(entries))
	}
	if url == "" {
		sameEntries(t, "everything", records(t, &s.Reader, history.Filter{}), wanted(entries, history.Filter{}))
	}
	for range 10 {
		f := aFilter(at, ids).Draw(t, "filter")
		got, want := records(t, &s.Reader, f), wanted(entries, f)
		if url != "" {
			got = of(entries[0].Identity.Journal, got)
			if f.Limit > 0 {
				continue // it has other journals' records, which may be newer
			}
		}
		sameEntries(t, "filtered", got, want)
	}
}

// of are the entries of a journal.
func of(journalID string, entries []journal.Entry) []journal.Entry {
	return slices.DeleteFunc(entries, func(e journal.Entry) bool { return e.Identity.Journal != journalID })
}

// someRecords are n records of sessions, a millisecond apart, each of which has an open and a close.
func someRecords(at time.Time, n int) []flow.Record {
	list := make([]flow.Record, n)
	programs := []string{"psql", "node server.js", "java -jar shop.jar", "python -m pytest"}
	for i := range 12 {
		programs = append(programs, fmt.Sprintf("worker-%d", i))
	}
	var id flow.SessionID
	for i := range list {
		r := flow.Record{Time: at.Add(time.Duration(i) * time.Millisecond), Event: flow.EventSessionClose, Service: "pg"}
		if i%2 == 0 {
			id = flow.NewSessionID()
			r.Event, r.Verdict = flow.EventSessionOpen, &flow.Verdict{Action: flow.Allow, Rule: "builtin.local"}
			r.Backend = &flow.Endpoint{Host: "127.0.0.1", Port: 5432}
		} else {
			r.Outcome = &flow.Outcome{
				Known: true, FromClient: uint64(i), FromBackend: 4096, Duration: time.Duration(i) * 1234, Dial: 80 * time.Microsecond,
				FirstByte: time.Millisecond, Lane: "loop", End: flow.EndFIN, EndedBy: flow.SideClient,
			}
		}
		r.Session = id
		r.Peer = &flow.Peer{Zone: flow.ZoneLoopback, Interface: "lo", Proof: flow.ProofIngress, Addr: loopback(i), Front: loopback(62893)}
		r.Origin = &flow.Origin{
			Attribution: flow.AttributionLiveSocket, UID: 1000, User: "ada", PID: 4000 + i%512, Program: programs[i/8%len(programs)],
		}
		list[i] = r
	}
	return list
}

func TestIdempotent(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 3000)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	overlapping(t, s, entries)
	sameEntries(t, "all", records(t, &s.Reader, history.Filter{}), wanted(entries, history.Filter{}))
	info, err := os.Stat(filepath.Join(dir, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v", info.Mode())
	}
}

// overlapping delivers entries twice, in pieces that overlap, and again from the beginning.
func overlapping(t testing.TB, s *history.Store, entries []journal.Entry) {
	t.Helper()
	for i := 0; i < len(entries); i += 100 {
		deliver(t, s, entries[i:min(i+250, len(entries))])
	}
	deliver(t, s, entries[:700])
	deliver(t, s, entries)
	if at, err := s.Resume(t.Context(), last(entries).Journal); at != last(entries) || err != nil {
		t.Errorf("it resumes at %v, %v; want %v", at, err, last(entries))
	}
}

func TestResume(t *testing.T) {
	dir := t.TempDir()
	s := open(t, history.Config{Dir: dir})
	resumes(t, s)
	closeStore(t, s)
	again := open(t, history.Config{Dir: dir})
	if id, err := again.Resume(t.Context(), "j1"); id != (flow.Identity{Journal: "j1", Epoch: "e2", Seq: 5}) || err != nil {
		t.Errorf("after it was opened again it resumes at %v, %v", id, err)
	}
}

// resumes goes through the cases of Resume with made-up identities.
func resumes(t *testing.T, s *history.Store) {
	t.Helper()
	entry := func(journalID, epoch string, seq uint64) journal.Entry {
		return journal.Entry{
			Identity: flow.Identity{Journal: journalID, Epoch: epoch, Seq: seq}, Line: []byte("{}"),
			Record: flow.Record{Time: begun(), Event: flow.EventSessionOpen},
		}
	}
	expect := func(what, journalID string, want flow.Identity) {
		t.Helper()
		if id, err := s.Resume(t.Context(), journalID); id != want || err != nil {
			t.Errorf("%s: it resumes at %v, %v; want %v", what, id, err, want)
		}
	}
	expect("nothing yet", "j1", flow.Identity{})
	deliver(t, s, []journal.Entry{entry("j1", "e1", 1), entry("j1", "e1", 2)})
	expect("the first", "j1", flow.Identity{Journal: "j1", Epoch: "e1", Seq: 2})
	expect("another journal", "j2", flow.Identity{})
	deliver(t, s, []journal.Entry{entry("j1", "e1", 3), entry("j1", "e2", 3), entry("j1", "e2", 4)})
	expect("a number that came again", "j1", flow.Identity{Journal: "j1", Epoch: "e2", Seq: 4})
	deliver(t, s, []journal.Entry{entry("j2", "e1", 9)})
	expect("another one's", "j2", flow.Identity{Journal: "j2", Epoch: "e1", Seq: 9})
	expect("the first one's still", "j1", flow.Identity{Journal: "j1", Epoch: "e2", Seq: 4})
	deliver(t, s, []journal.Entry{entry("j1", "e1", 2), entry("j1", "e1", 3), entry("j1", "e2", 3), entry("j1", "e2", 5)})
	expect("from the oldest again", "j1", flow.Identity{Journal: "j1", Epoch: "e2", Seq: 5})
	ctx := t.Context()
	n := 0
	for _, err := range s.Records(ctx, history.Filter{}) {
		if n++; err == nil {
			t.Error("a record that is none was read without an error")
		}
	}
	if n != 7 {
		t.Errorf("%d records, want 7", n)
	}
}

func TestSessions(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, someRecords(begun(), 10_000)...)
	entries := read(t, dir)
	s := open(t, history.Config{Dir: dir})
	deliver(t, s, entries)
	finds(t, s, entries)
}

// finds looks for sessions by the beginnings of their ids.
func finds(t *testing.T, s *history.Store, entries []journal.Entry) {
	t.Helper()
	id := entries[len(entries)/2].Record.Session
	all := map[flow.SessionID]bool{}
	for i := range entries {
		if e := entries[i].Record.Session; !e.IsZero() && e.String()[:1] == id.String()[:1] {
			all[e] = true
		}
	}
	got, err := s.Sessions(t.Context(), id.String()[:1], len(entries))
	if err != nil || len(got) != len(all) {
		t.Fatalf("%d sessions, %v; want %d", len(got), err, len(all))
	}
	for _, id := range got {
		if !all[id] {
			t.Errorf("%v is none of them", id)
		}
	}
	if few, err := s.Sessions(t.Context(), id.String()[:1], 3); len(few) != 3 || err != nil {
		t.Errorf("%v, %v; want three", few, err)
	}
	if whole, err := s.Sessions(t.Context(), id.String(), 9); err != nil || !slices.Equal(whole, []flow.SessionID{id}) {
		t.Errorf("%v, %v; want %v", whole, err, id)
	}
	if none, err := s.Sessions(t.Context(), "u", 9); len(none) != 0 || err != nil {
		t.Errorf("%v, %v; want none: there is no such letter", none, err)
	}
}
