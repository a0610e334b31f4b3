package history_test

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// tester is a test, or an attempt of rapid's.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// begun is when the records of these tests happen: a while ago, and not too long.
func begun() time.Time { return time.Now().Add(-24 * time.Hour).Truncate(time.Second).UTC() }

// write appends records to the journal in dir, in a run of its own. It refuses what belongs to no session that is open.
func write(t tester, dir string, records ...flow.Record) {
	t.Helper()
	j, err := journal.Open(journal.Config{Settings: journal.Settings{Dir: dir}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range records {
		j.Append(r, nil)
		if i%1000 == 999 {
			j.Flush()
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// read is what the journal in dir has.
func read(t tester, dir string) []journal.Entry {
	t.Helper()
	var list []journal.Entry
	for e, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Line = bytes.Clone(e.Line)
		list = append(list, e)
	}
	return list
}

// open opens a store, and closes it with the test.
func open(t testing.TB, c history.Config) *history.Store {
	t.Helper()
	if c.Warn == nil {
		c.Warn = func(err error) { t.Error(err) }
	}
	s, err := history.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test that looks at its error has closed it before
	return s
}

func closeStore(t testing.TB, s interface{ Close() error }) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func deliver(t tester, s *history.Store, entries []journal.Entry) {
	t.Helper()
	for batch := range slices.Chunk(entries, 512) {
		if n, err := s.Deliver(context.Background(), batch); n != len(batch) || err != nil {
			t.Fatalf("%d of %d were delivered: %v", n, len(batch), err)
		}
	}
}

func records(t tester, s *history.Reader, f history.Filter) []journal.Entry {
	t.Helper()
	list := []journal.Entry{}
	for e, err := range s.Records(context.Background(), f) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// wanted are the entries that records should be, by looking at each.
func wanted(entries []journal.Entry, f history.Filter) []journal.Entry {
	list := []journal.Entry{}
	for i := range entries {
		if f.Matches(&entries[i]) {
			list = append(list, entries[i])
		}
	}
	slices.SortStableFunc(list, func(a, b journal.Entry) int { return a.Record.Time.Compare(b.Record.Time) })
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[len(list)-f.Limit:]
	}
	return list
}

func sameEntries(t tester, what string, got, want []journal.Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d records, want %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].Identity != want[i].Identity || !bytes.Equal(got[i].Line, want[i].Line) {
			t.Fatalf("%s: record %d is\n%v %s\nwant\n%v %s", what, i, got[i].Identity, got[i].Line, want[i].Identity, want[i].Line)
		}
		if diff := cmp.Diff(want[i].Record, got[i].Record, cmpopts.EquateEmpty(),
			cmp.Comparer(func(x, y netip.AddrPort) bool { return x == y })); diff != "" {
			t.Fatalf("%s: record %d: %s", what, i, diff)
		}
	}
}

func last(entries []journal.Entry) flow.Identity { return entries[len(entries)-1].Identity }

// Words that are drawn again and again, so that filters find something.
func texts() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{
		"", "psql", "psql", "node server.js", "node", "nodemon", "python -m x", "a\nb", "\npsql\n", "\x00", "\xff\xfe", "\xff",
		"\ufffd", "ada", "root", "0", "1000", "Ünï ☃", "%", "'; --", "pg", "my\x7f", "a b", "a b c",
	})
}

func zones() *rapid.Generator[flow.Zone] {
	return rapid.Map(rapid.IntRange(0, int(flow.ZonePublic)), func(n int) flow.Zone { return flow.Zone(n) })
}

// events are all but those that tell the journal's identity: the journal itself writes them.
func events() *rapid.Generator[flow.Event] {
	return rapid.SampledFrom(flow.Events()).Filter(func(e flow.Event) bool { return e != flow.EventJournalStart && e != flow.EventJournalRotated })
}

func maybe[T any](t *rapid.T, what string, draw func(*rapid.T) T) *T {
	if !rapid.Bool().Draw(t, what) {
		return nil
	}
	v := draw(t)
	return &v
}

func anOrigin(t *rapid.T) flow.Origin {
	uid := rapid.Uint32Range(0, 3)
	o := flow.Origin{
		Attribution: flow.Attribution(rapid.IntRange(0, int(flow.AttributionExactConnect)).Draw(t, "attribution")),
		UID:         uid.Draw(t, "uid"), User: texts().Draw(t, "user"), PID: 7, Program: texts().Draw(t, "program"),
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "holders") {
		o.Holders = append(o.Holders, &flow.Process{
			PID: 8 + i, Program: texts().Draw(t, "program"), UID: uid.Draw(t, "uid"), User: texts().Draw(t, "user"),
		})
	}
	if rapid.Bool().Draw(t, "forwarder") {
		o.Forwarder = &flow.Forwarder{Name: "sshd", PID: 8, Zone: zones().Draw(t, "zone")}
	}
	return o
}

func aPeer(t *rapid.T) flow.Peer {
	p := flow.Peer{Addr: netip.MustParseAddrPort("127.0.0.1:7"), Zone: zones().Draw(t, "zone"), Proof: flow.ProofIngress}
	p.Conveyed = maybe(t, "conveyed", func(t *rapid.T) flow.Conveyed {
		return flow.Conveyed{Client: p.Addr, Server: p.Addr, Zone: zones().Draw(t, "client zone"), Version: 2}
	})
	return p
}

// aRecord draws a record of any kind, with any parts, at one of few times.
func aRecord(at time.Time, ids []flow.SessionID) *rapid.Generator[flow.Record] {
	return rapid.Custom(func(t *rapid.T) flow.Record {
		r := flow.Record{
			Time:    at.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "second")) * time.Second),
			Event:   events().Draw(t, "event"),
			Service: texts().Draw(t, "service"), Peer: maybe(t, "peer", aPeer), Origin: maybe(t, "origin", anOrigin),
			Session: rapid.SampledFrom(ids).Draw(t, "session"),
		}
		r.Time = r.Time.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "nanos")))
		r.Verdict = maybe(t, "verdict", func(t *rapid.T) flow.Verdict {
			return flow.Verdict{Action: flow.Action(rapid.IntRange(0, int(flow.WouldDeny)).Draw(t, "action")), Rule: "r"}
		})
		r.Alert = maybe(t, "alert", func(t *rapid.T) flow.Alert {
			return flow.Alert{Condition: "c", Zone: zones().Draw(t, "zone"), Message: texts().Draw(t, "message"), First: at, Last: at}
		})
		r.Refusal = maybe(t, "refusal", func(*rapid.T) flow.Refusal { return flow.Refusal{Count: 3} })
		r.Config = maybe(t, "config", func(t *rapid.T) flow.Config { return flow.Config{Source: texts().Draw(t, "source")} })
		return r
	})
}

// sessionIDs are some ids and none.
func sessionIDs() []flow.SessionID {
	return []flow.SessionID{{}, flow.NewSessionID(), flow.NewSessionID(), flow.NewSessionID()}
}

func loopback(port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
}
