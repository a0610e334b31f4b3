package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
)

// madeUp are the records of a service that was asked a few things: a list and its parts one by one, a statement that
// fails, one whose text a peer has chosen badly, and a transaction that is left open.
func madeUp(service string, begin time.Time) []flow.Record {
	shop, psql := flow.NewSessionID(), flow.NewSessionID()
	at := begin
	ask := func(id flow.SessionID, program, text string, took time.Duration, change func(*flow.Operation)) flow.Record {
		o := &flow.Operation{
			Protocol: "postgres", System: "postgresql", Name: strings.Fields(text)[0], Text: text, Rows: 1, Started: at,
			Fingerprint: uint64(len(text)), LastByte: took, FromClient: 50, FromBackend: 100, Transaction: "idle",
		}
		if change != nil {
			change(o)
		}
		at = at.Add(took + time.Millisecond)
		origin := &flow.Origin{Attribution: flow.AttributionLiveSocket, Program: program, UID: 1000, PID: 7}
		return flow.Record{
			Event: flow.EventOperation, Service: service, Session: id, Origin: origin, Operation: o, Time: at.Add(-time.Millisecond),
		}
	}
	open := sessionOf(service, at)[0]
	open.Session = psql
	list := []flow.Record{open, ask(shop, "shop", "SELECT id FROM orders", 3*time.Millisecond, nil)}
	for range 25 {
		list = append(list, ask(shop, "shop", "SELECT * FROM lines WHERE id = ?", 2*time.Millisecond, nil))
	}
	list = append(list,
		ask(psql, "psql", "SELECT \x1b[2J\u202e FROM "+strings.Repeat("long", 100), 400*time.Millisecond, nil),
		ask(psql, "psql", "DROP TABLE orders", time.Millisecond, func(o *flow.Operation) {
			o.Failed, o.Status, o.Error, o.Rows = true, "42501", "must be owner of table ?", -1
		}),
		ask(psql, "psql", "UPDATE orders SET id = ?", time.Millisecond, func(o *flow.Operation) { o.Transaction = "active" }))
	at = at.Add(time.Minute)
	return append(list, flow.Record{Event: flow.EventSessionClose, Service: service, Session: psql, Time: at, Outcome: &flow.Outcome{}})
}

func madeUpJournal(t *testing.T, services ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "j")
	var records []flow.Record
	for i, name := range services {
		records = append(records, madeUp(name, time.Date(2100, 3, 4, 15, 4+10*i, 0, 0, time.UTC))...)
	}
	if err := writeJournal(dir, records...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// queriesOf are the lines that queries prints. Everything that is shown fits a narrow terminal and is harmless there.
func queriesOf(t *testing.T, args ...string) []string {
	t.Helper()
	text := logsOf(t, append([]string{"queries"}, args...))
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsAny(line, "\x1b\u202e") {
			t.Errorf("what a peer has sent is not escaped: %q", line)
		}
		if n := utf8.RuneCountInString(line); n > sheetWidth && !strings.HasPrefix(line, "{") {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// behind are the lines of the table with a title.
func behind(lines []string, title string) []string {
	for i := range lines {
		if strings.HasPrefix(lines[i], title) {
			lines = lines[i+2:]
			for j := range lines {
				if lines[j] == "" {
					return lines[:j]
				}
			}
			return lines
		}
	}
	return nil
}

func TestQueriesPage(t *testing.T) {
	lines := queriesOf(t, "--dir", madeUpJournal(t, "pg"))
	if !strings.HasPrefix(lines[0], "29 operations, 1 failed, 2100-03-04 ") {
		t.Errorf("head: %s", lines[0])
	}
	for title, want := range map[string]string{
		"MOST TIME": "    1      0    1  400ms  400ms  400ms  400ms  SELECT",
		"ERRORS":    "    1 ",
		"N+1":       "   25 74.0ms    1 50.0ms ",
		"IDLE":      " 1m ",
	} {
		rows := behind(lines, title)
		if len(rows) == 0 || !strings.HasPrefix(rows[0], want) {
			t.Errorf("%s: %q, want %q", title, rows, want)
		}
	}
	for _, want := range []string{
		"25      0   25 50.0ms 2.00ms 2.00ms 2.00ms  SELECT * FROM lines WHERE id = ?", " 42501  psql     DROP TABLE orders",
		"-> must be owner of table ?", "shop     SELECT * FROM lines WHERE id = ?", "behind SELECT id FROM orders",
		"over  ", "UPDATE orders SET id = ?",
	} {
		if !strings.Contains(strings.Join(lines, "\n"), want) {
			t.Errorf("there is no %q in\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

func TestQueriesBy(t *testing.T) {
	dir := madeUpJournal(t, "pg", "other")
	for flags, want := range map[string]string{
		"--by total":                  "400ms  other: SELECT",
		"--by slowest --service pg":   "400ms  SELECT",
		"--by calls":                  "   25      0   25 50.0ms 2.00ms 2.00ms 2.00ms  other: SELECT * FROM lines",
		"--by calls --limit 1":        "   25      0   25 50.0ms 2.00ms 2.00ms 2.00ms  other: SELECT * FROM lines",
		"--by calls --program psql":   "    1      0    1  400ms",
		"--by errors":                 "psql     other: DROP TABLE orders",
		"--by program":                "    3      1  402ms  134ms",
		"--by program --program shop": "   26      0 53.0ms",
		"--by n+1":                    "   25 74.0ms    1 50.0ms",
		"--by idle":                   " 1m 15:",
	} {
		args := append([]string{"--dir", dir}, strings.Fields(flags)...)
		rows := queriesOf(t, args...)[4:]
		if !strings.Contains(rows[0], want) {
			t.Errorf("%s: the first row is %q, want %q", flags, rows[0], want)
		}
	}
	rows := queriesOf(t, "--dir", dir, "--by", "calls", "--limit", "1")
	if last := rows[len(rows)-1]; last != "9 more: --limit N shows them" {
		t.Errorf("the last line is %q", last)
	}
	if rows := queriesOf(t, "--dir", dir, "--by", "calls", "--limit", "0"); strings.Contains(strings.Join(rows, "\n"), " more: ") {
		t.Errorf("%q", rows)
	}
}

func TestQueriesJSON(t *testing.T) {
	dir := madeUpJournal(t, "pg")
	for by, want := range map[string]map[string]any{
		"":      {"calls": 1.0, "total_ns": 4e8, "p95_ns": 4e8, "max_ns": 4e8, "rows": 1.0, "programs": map[string]any{"psql": 1.0}},
		"calls": {"calls": 25.0, "text": "SELECT * FROM lines WHERE id = ?", "fingerprint": "0000000000000020", "operation": "SELECT"},
		"errors": {
			"calls": 1.0, "status": "42501", "error": "must be owner of table ?", "text": "DROP TABLE orders", "program": "psql",
		},
		"program": {"calls": 3.0, "errors": 1.0, "program": "psql", "bytes_from_client": 150.0},
		"n+1": {
			"most": 25.0, "within_ns": 74e6, "calls": 25.0, "seen": 1.0, "text": "SELECT * FROM lines WHERE id = ?",
			"behind": "SELECT id FROM orders", "program": "shop",
		},
		"idle": {"for_ns": 60_001_000_000.0, "open": false, "failed": false, "behind": "UPDATE orders SET id = ?"},
	} {
		args := []string{"--dir", dir, "--json"}
		if by != "" {
			args = append(args, "--by", by)
		}
		var row map[string]any
		if err := json.Unmarshal([]byte(queriesOf(t, args...)[0]), &row); err != nil {
			t.Fatal(err)
		}
		for key, value := range want {
			a, _ := json.Marshal(row[key])
			b, _ := json.Marshal(value)
			if !bytes.Equal(a, b) {
				t.Errorf("--by %s: %s is %s, want %s", by, key, a, b)
			}
		}
	}
	first := queriesOf(t, "--dir", dir, "--json", "--by", "slowest")[0]
	if !strings.Contains(first, strings.Repeat("long", 100)) || !strings.Contains(first, `\u001b[2J\u202e`) {
		t.Errorf("the text is not whole: %s", first)
	}
}

func TestQueriesFlags(t *testing.T) {
	for flags, want := range map[string]string{
		"--by size":               `--by" flag: unknown order: expected one of total, slowest, calls, errors, program, n+1, idle`,
		"--limit -1":              "--limit -1: expected a number of rows, or 0 for all",
		"--follow --since 1h":     "--follow and --since do not go together",
		"--dir a --instance b":    "--instance and --dir do not go together",
		"--follow a.pcapng":       "--follow and recordings do not go together",
		"--dir j a.pcapng":        "--dir and recordings do not go together",
		"--identity k":            "--identity is for recordings: name a file or a directory of them",
		"--protocol redis":        "--protocol is for recordings: name a file or a directory of them",
		"--protocol gopher a":     `--protocol "gopher": expected one of auto`,
		"--since x":               `--since "x": expected how long ago`,
		"--since 1h --until 2h":   "leave no time",
		"--identity /nowhere/k a": "--identity: open the identities",
	} {
		var out, errs strings.Builder
		code := run(t.Context(), append([]string{"queries"}, strings.Fields(flags)...), &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), want) || out.Len() > 0 {
			t.Errorf("%s: exit %d, %s%s; want %q", flags, code, out.String(), errs.String(), want)
		}
	}
}

func TestBroken(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"", 3, ""},
		{"SELECT one", 3, "SELECT one"},
		{"SELECT one FROM two", 3, "SELECT one|FROM two"},
		{"aaaaaaaaaaaaaaaaaaaaaaa", 3, "aaaaaaaaaa|aaaaaaaaaa|aaa"},
		{"SELECT one FROM two WHERE three", 2, "SELECT one|FROM two …"},
		{"üüüüüüüüüüü", 1, "üüüüüüüüü…"},
	} {
		if got := strings.Join(broken(c.text, 10, c.most), "|"); got != c.want {
			t.Errorf("%q in %d lines: %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

func TestShortFigures(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0ns", 999: "999ns", 1000: "1.00µs", 12_340: "12.3µs", 999_400: "999µs", 999_600: "1.00ms", 34_560_000: "34.6ms",
		9_996_000: "10.0ms", 1500 * time.Millisecond: "1.50s", 59_940 * time.Millisecond: "59.9s", 59_960 * time.Millisecond: "1m",
		61 * time.Second: "1m1s", 90 * time.Minute: "1h30m", 49 * time.Hour: "2d1h",
	} {
		if got := shortSpan(d); got != want {
			t.Errorf("%d ns is %s, want %s", d, got, want)
		}
	}
	for n, want := range map[uint64]string{
		0: "0", 99_999: "99999", 100_000: "100k", 999_499: "999k", 999_500: "1.00M", 12_345_678: "12.3M", 5_000_000_000: "5.00G",
		1 << 63: "9223372T",
	} {
		if got := shortCount(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// TestQueriesForget says that not everything is there.
func TestQueriesForget(t *testing.T) {
	q := &queries{view: queryView{limit: 1, width: sheetWidth, lines: 1}, table: operations.Table{Limits: operations.Limits{Statements: 2}}}
	for _, r := range madeUp("pg", time.Now()) {
		q.add(&r)
	}
	if page := string(q.page()); !strings.Contains(page, "\n3 rows forgotten, since there were too many: not all is here\n") {
		t.Error(page)
	}
}

func TestFirstLines(t *testing.T) {
	for n, want := range map[int]string{-1: "a\nb\nc", 0: "a\nb\nc", 1: "a\n", 2: "a\nb\n", 3: "a\nb\nc", 9: "a\nb\nc"} {
		if got := firstLines("a\nb\nc", n); got != want {
			t.Errorf("%d lines: %q", n, got)
		}
	}
}
