package terminal_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestSummary(t *testing.T) {
	var s terminal.Summary
	b := flow.Batch{Entries: entries(6, opened()), Missed: 1}
	for i, dial := range []time.Duration{3, 50, 2, 0, 70} {
		r := closed(flow.Outcome{Known: true, FromClient: 1024, FromBackend: 2048, Dial: dial * time.Millisecond})
		r.Session = id(string(rune('a' + i)))
		b.Entries = append(b.Entries, &flow.Entry{Record: &r})
	}
	b.Entries = append(b.Entries, entries(1, refused(flow.Refusal{Count: 9998}))...)
	b.Entries = append(b.Entries, entries(2, refused(flow.Refusal{Count: 1}))...)
	b.Entries[0].Err = errors.New("disk full")
	gap := flow.Record{Event: flow.EventJournalGap, Journal: &flow.Journal{Count: 4}}
	b.Entries = append(b.Entries, entries(1, gap)...)
	if n, err := s.Consume(context.Background(), b); err != nil || n != len(b.Entries) {
		t.Fatal(n, err)
	}
	got := s.Totals().Report(5*time.Minute+12*time.Second, "lodoor logs --since 2025-03-04T15:04:05Z")
	want := `6 sessions (1 not closed), 10000 refused, 5 KiB up, 10 KiB down, in 5m12s
4 records lost
1 record came too fast to be added up here
slowest dials: pg 70ms (e00000), pg 50ms (b00000), pg 3ms (a00000)
see it again: lodoor logs --since 2025-03-04T15:04:05Z
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestReportOfNothing(t *testing.T) {
	got := terminal.Totals{}.Report(1500*time.Millisecond, "")
	if want := "0 sessions, 0 refused, 0 B up, 0 B down, in 1.5s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A service's name comes from a configuration; it cannot colour the report.
func TestReportEscapes(t *testing.T) {
	r := terminal.Totals{Slowest: []terminal.Dial{{Service: "a\x1b[31m", Took: time.Second}}}.Report(0, "x")
	for _, b := range []byte(r) {
		if b < ' ' && b != '\n' {
			t.Errorf("%#x in %q", b, r)
		}
	}
}
