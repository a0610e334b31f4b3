package terminal_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// What was asked begins before half of a terminal of 80 columns, whatever its numbers are.
func TestWhatWasAskedIsSeen(t *testing.T) {
	r := asked(flow.Operation{Name: "SELECT", Text: "SELECT everything", Rows: 1 << 62})
	r.Time = r.Operation.Started.Add(59999 * time.Millisecond)
	f := terminal.Format{Location: time.UTC}
	before, _, found := strings.Cut(string(f.Append(nil, &r)), "SELECT")
	if n := utf8.RuneCountInString(before); !found || n > 53 {
		t.Errorf("%d columns before it: %q", n, before)
	}
}

// A client that asks much has its first questions shown in each second, and the others counted; sessions and what asks
// for attention are shown all the same.
func TestManyOperationsAreCounted(t *testing.T) {
	var out bytes.Buffer
	k := console(t, terminal.Config{Out: &out, Format: terminal.Format{Location: time.UTC}, Rate: 3})
	records := make([]*flow.Entry, 0, 102)
	for range 100 {
		records = append(records, entries(1, asked(flow.Operation{Name: "GET", Rows: -1}))...)
	}
	records = append(records, entries(1, closed(flow.Outcome{Known: true}))...)
	records = append(records, entries(1, alert())...)
	got := consume(t, k, &out, flow.Batch{Entries: records, Tick: true, Now: at()})
	if n := strings.Count(got, "asked "); n != 4 { // three lines and the sum
		t.Errorf("%d lines:\n%s", n, got)
	}
	for _, want := range []string{"busy      97 more asked in the last second\n", "close  ", "ALERT  "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if got = consume(t, k, &out, flow.Batch{Entries: records[:1], Tick: true, Now: at()}); strings.Contains(got, "busy") {
		t.Errorf("in a quiet second: %s", got)
	}
}
