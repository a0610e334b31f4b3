package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// TestLogsFlags has what does not go together, or means nothing.
func TestLogsFlags(t *testing.T) {
	for flags, want := range map[string]string{
		"--csv --json":               "--json and --csv do not go together",
		"--csv --stats":              "--csv and --stats do not go together",
		"--follow --stats":           "--follow and --stats do not go together",
		"--follow --until 1h":        "--follow and --until do not go together",
		"--stats --limit 3":          "--limit and --stats do not go together",
		"--limit 0":                  "--limit 0: expected a number of records, at least 1",
		"--limit many":               `invalid argument "many" for "--limit"`,
		"--since 1h --until 2h":      "--since 1h and --until 2h leave no time: expected --until to be the later one",
		"--until tomorrow":           `--until "tomorrow": expected how long ago`,
		"--event session.opened":     `--event: unknown event "session.opened": expected one of`,
		"--zone moon":                `--zone: unknown zone "moon": expected one of`,
		"--verdict need":             `--verdict: unknown verdict "need": expected one of allow, deny, would_deny`,
		"--verdict x --zone moon":    "\n--verdict: unknown",
		"--grep ab[c-":               `--grep "ab[c-": missing closing ]: "[c-", at character 3; expected a regular expression`,
		"--from tape":                `invalid argument "tape" for "--from" flag: unknown source: expected auto, segments or store`,
		"--dir nowhere --instance x": "--instance and --dir do not go together",
	} {
		var out, errs strings.Builder
		code := run(t.Context(), append([]string{"logs"}, strings.Fields(flags)...), &out, &errs)
		if code != exitUsage || out.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit %d, %s", flags, code, errs.String())
		}
	}
}

func TestCells(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "psql": "psql", "=1+1": "'=1+1", "+49": "'+49", "-x": "'-x", "@SUM(A1)": "'@SUM(A1)", "a=b": "a=b",
		"\tx": `'\tx`, "\rx": `'\x0dx`, "a\x1b[2J": `a\x1b[2J`, "two\nlines": `two\nlines`,
	} {
		if got := cell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestTableRows reads every kind of record back from a table: each has as many cells as there are columns.
func TestTableRows(t *testing.T) {
	records := append(sessionOf("pg", time.Unix(5, 0)),
		flow.Record{Event: flow.EventAlert, Alert: &flow.Alert{
			Condition: "denied", Severity: flow.SeverityCritical, Count: 3, Message: `=HYPERLINK("x"), "quoted"`,
		}},
		flow.Record{Event: flow.EventConfigRejected, Config: &flow.Config{Error: "line 1\nline 2"}},
		flow.Record{Event: flow.EventJournalGap, Journal: &flow.Journal{Count: 9, Reason: "disk full"}},
		flow.Record{Event: flow.EventSessionClose, Outcome: &flow.Outcome{End: flow.EndCrashRecovered, Detail: "lodoor ended"}},
		flow.Record{Event: flow.EventOperation, Time: time.Unix(8, 5), Operation: &flow.Operation{
			Name: "SELECT", Text: "=select 1", Status: "42P01", Error: "no table", Started: time.Unix(8, 0), FromBackend: 77, Rows: 6,
		}},
		flow.Record{Event: flow.EventOperation, Operation: &flow.Operation{Kind: "login", Rows: -1}})
	var out bytes.Buffer
	table := newLogTable(&out)
	for i, r := range records {
		if err := table.record(&journal.Entry{Identity: flow.Identity{Seq: uint64(i) + 1}, Record: r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.end(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll() // it wants as many cells in each row
	if err != nil || len(rows) != len(records)+1 || !slices.Equal(rows[0], tableColumns()) {
		t.Fatalf("%q, %v", rows, err)
	}
	at := func(row int, column string) string { return rows[row][slices.Index(tableColumns(), column)] }
	for _, c := range []struct {
		row          int
		column, want string
	}{
		{1, "client", "127.0.0.1:51234"},
		{2, "count", "1"},
		{3, "duration_ns", "40000000000"},
		{4, "message", `'=HYPERLINK("x"), "quoted"`},
		{4, "severity", "critical"},
		{5, "message", `line 1\nline 2`},
		{6, "count", "9"},
		{7, "bytes_from_client", ""},
		{7, "message", "lodoor ended"},
		{7, "operation", ""},
		{8, "operation", "SELECT"},
		{8, "query", "'=select 1"},
		{8, "status", "42P01"},
		{8, "rows", "6"},
		{8, "message", "no table"},
		{8, "duration_ns", "5"},
		{8, "bytes_from_backend", "77"},
		{9, "operation", "login"},
		{9, "rows", ""},
	} {
		if got := at(c.row, c.column); got != c.want {
			t.Errorf("row %d, %s: %q, want %q", c.row, c.column, got, c.want)
		}
	}
}

func TestHistogram(t *testing.T) {
	for bucket := range bucketOf(math.MaxUint64) {
		if first, last := startOf(bucket), startOf(bucket+1)-1; bucketOf(first) != bucket || bucketOf(last) != bucket {
			t.Fatalf("bucket %d: %d and %d are in %d and %d", bucket, first, last, bucketOf(first), bucketOf(last))
		}
	}
	var h histogram
	list := make([]time.Duration, 10_000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range list {
		list[i] = time.Duration(random.ExpFloat64() * float64(time.Second))
		h.add(list[i])
	}
	slices.Sort(list)
	for _, part := range []float64{0, 0.5, 0.99, 1} {
		want := list[int(part*float64(len(list)-1))]
		if got := h.quantile(part); float64(got-want) > 0.02*float64(want) || float64(want-got) > 0.02*float64(want) {
			t.Errorf("quantile %g is %v, want %v", part, got, want)
		}
	}
}

func TestKindsHaveABound(t *testing.T) {
	var k kinds
	for i := range 3 * statsKinds {
		k.add(string(rune('a'+i%2)) + time.Duration(i).String())
	}
	k.add("")
	if len(k.counts) != statsKinds || k.others != 2*statsKinds {
		t.Errorf("%d kinds, %d others", len(k.counts), k.others)
	}
}

// TestByTime mixes records that are near their place.
func TestByTime(t *testing.T) {
	const depth, total = 8, 1000
	var in []journal.Entry
	for i := range total {
		in = append(in, journal.Entry{
			Identity: flow.Identity{Seq: uint64(i)}, Record: flow.Record{Time: time.Unix(int64(i/3), 0)}, Line: []byte{byte(i)},
		})
	}
	for i := 0; i+depth < total; i += depth + 1 {
		rand.Shuffle(depth+1, func(a, b int) { in[i+a], in[i+b] = in[i+b], in[i+a] })
	}
	scratch := []byte{0}
	next := uint64(0)
	for e, err := range byTime(func(yield func(journal.Entry, error) bool) {
		for _, e := range in {
			scratch[0] = e.Line[0] // a Line is valid until the next entry
			e.Line = scratch
			if !yield(e, nil) {
				return
			}
		}
	}, depth) {
		if err != nil || e.Identity.Seq != next || e.Line[0] != byte(next) {
			t.Fatalf("record %d with line %d, want %d; %v", e.Identity.Seq, e.Line[0], next, err)
		}
		next++
	}
	if next != total {
		t.Errorf("%d records", next)
	}
}

func TestLastOf(t *testing.T) {
	for _, total := range []int{0, 2, 3, 7} {
		last, scratch := newLastOf(3), []byte{0}
		for i := range total {
			scratch[0] = byte(i)
			last.add(&journal.Entry{Identity: flow.Identity{Seq: uint64(i)}, Line: scratch})
		}
		want := max(0, total-3)
		for e := range last.all() {
			if e.Identity.Seq != uint64(want) || e.Line[0] != byte(want) {
				t.Errorf("of %d: %d with line %d, want %d", total, e.Identity.Seq, e.Line[0], want)
			}
			want++
		}
		if want != total || len(last.ring) > 3 {
			t.Errorf("of %d: the last is %d, %d are kept", total, want-1, len(last.ring))
		}
	}
}
