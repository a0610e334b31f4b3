package export

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const longWait = 20 * time.Second

func testFrom() From {
	return From{Host: flow.Host{Name: "ada.example", ID: "3d1219c7c4c5404aaa1f6d2a48adfda4"}, Version: "v0.1.0"}
}

// hostile has what a peer may be called to forge, split or colour a line, wherever it ends.
const hostile = "psql\"]\\ <34>1 2026-01-01T00:00:00Z x - - - -\r\n\x00\x1b[31m\u202e\u2028\ufeff\xff\xfe é 42 X=Y\n."

func openRecord(i int) flow.Record {
	var id flow.SessionID
	_ = id.UnmarshalText([]byte("0123456789abcdef")) // it has the length
	id[15] = "0123456789abcdefghjkmnpqrstvwxyz"[i%32]
	return flow.Record{
		Time: time.Date(2026, 11, 26, 2, 0, 0, 123456789, time.UTC), Event: flow.EventSessionOpen, Service: "pg", Session: id,
		Peer: &flow.Peer{
			Addr: netip.MustParseAddrPort("127.0.0.1:40000"), Front: netip.MustParseAddrPort("127.0.0.1:5432"),
			Zone: flow.ZoneLoopback, Proof: flow.ProofIngress,
		},
		Origin: &flow.Origin{
			Attribution: flow.AttributionLiveSocket, UID: 1000, User: "ada", PID: 4242, Program: hostile,
			Process: &flow.Process{PID: 4242, Program: hostile},
		},
		Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.local", Reason: "it is local"},
	}
}

func refusedRecord() flow.Record {
	r := openRecord(0)
	r.Event, r.Session, r.Origin = flow.EventSessionRefused, flow.SessionID{}, nil
	r.Verdict = &flow.Verdict{
		Action: flow.Deny, Rule: "builtin.non_local", Cause: flow.CauseNonLocal, Reason: "it is not local",
	}
	r.Refusal = &flow.Refusal{Count: 7, Distinct: 2, Sample: []netip.AddrPort{
		netip.MustParseAddrPort("192.0.2.7:1"), netip.MustParseAddrPort("192.0.2.8:2"),
	}}
	return r
}

func alertRecord() flow.Record {
	return flow.Record{
		Time: time.Now(), Event: flow.EventAlert, Service: "pg",
		Alert: &flow.Alert{
			ID: "0123456789abcdef", Condition: "non_local_peer", Severity: flow.SeverityCritical, Message: hostile,
		},
	}
}

// written is a journal with n opens, a refusal and an alert in it, and what the journal itself writes.
func written(t testing.TB, n int) []journal.Entry {
	t.Helper()
	dir := t.TempDir()
	j := openJournal(t, dir)
	appendRecords(t, j, n)
	j.stop()
	return entriesOf(t, dir)
}

type testJournal struct {
	*journal.Journal
	stop func()
}

func openJournal(t testing.TB, dir string) *testJournal {
	t.Helper()
	j, err := journal.Open(journal.Config{Settings: journal.Settings{Dir: dir}, Version: "v0.1.0", Host: testFrom().Host})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &testJournal{Journal: j, stop: stop}
}

func appendRecords(t testing.TB, j *testJournal, n int) {
	t.Helper()
	list := []flow.Record{refusedRecord(), alertRecord()}
	for i := range n {
		list = append(list, openRecord(i))
	}
	var all sync.WaitGroup
	for _, r := range list {
		all.Add(1)
		j.Append(r, func(_ flow.Identity, err error) {
			if err != nil {
				t.Error(err)
			}
			all.Done()
		})
	}
	all.Wait()
}

func entriesOf(t testing.TB, dir string) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	for e, err := range journal.Read(dir, journal.From{}) {
		if err != nil {
			t.Fatal(err)
		}
		e.Line = slices.Clone(e.Line)
		all = append(all, e)
	}
	return all
}

// find is the first entry of an event.
func find(t testing.TB, entries []journal.Entry, event flow.Event) journal.Entry {
	t.Helper()
	for _, e := range entries {
		if e.Record.Event == event {
			return e
		}
	}
	t.Fatalf("no %v among %d entries", event, len(entries))
	return journal.Entry{}
}

// feed takes a journal to a destination until the function that it returns is called.
func feed(t testing.TB, j *testJournal, d journal.Destination) (f *journal.Feed, stop func()) {
	t.Helper()
	f, err := j.Feed(journal.FeedConfig{Destination: d, Warn: func(err error) { t.Log("feed:", err) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return f, stop
}

func settle(t testing.TB, f *journal.Feed) {
	t.Helper()
	testkit.Wait(t, "the feed", func() bool { return f.Stats().Behind == 0 }, longWait)
}

// drive delivers entries as a feed does, in small batches and without its pauses, and says which errors came.
func drive(t testing.TB, d journal.Destination, entries []journal.Entry) []error {
	t.Helper()
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), longWait)
	defer cancel()
	for next := 0; next < len(entries); {
		n, err := d.Deliver(ctx, entries[next:min(next+7, len(entries))])
		if next += n; err == nil && n == 0 {
			t.Fatal("nothing was delivered, without an error")
		}
		if err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil || len(errs) > 2*len(entries) {
			t.Fatalf("%d of %d records were delivered; the last error of %d: %v", next, len(entries), len(errs), err)
		}
	}
	return errs
}
