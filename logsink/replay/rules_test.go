package replay

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReasons finds what makes a statement's values differ, and nothing in what only looks like it.
func TestReasons(t *testing.T) {
	words := newPgWords()
	for statement, want := range map[string]string{
		"SELECT now()":                          ruleTime,
		"select a from b where c < NOW ()":      ruleTime,
		"SELECT CURRENT_TIMESTAMP":              ruleTime,
		"SELECT age FROM people":                "",
		"SELECT known, knows FROM now_and_then": "",
		"SELECT random()":                       ruleRandom,
		"SELECT version FROM releases":          "",
		"SELECT version()":                      ruleBackend,
		"SELECT pg_current_wal_lsn()":           ruleWAL,
		"EXPLAIN ANALYZE SELECT ?":              rulePlan,
		"SELECT explain FROM t":                 "",
		"SELECT ctid, v FROM t":                 ruleSystem,
		"SELECT pg_total_relation_size(?)":      ruleSystem,
		"UPDATE t SET v = ? WHERE id = ?":       "",
	} {
		if got := words.reason(statement); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
}

func TestUnknownRule(t *testing.T) {
	_, err := NewPostgres(PostgresConfig{Ignore: []string{"odrer"}})
	if err == nil || !strings.Contains(err.Error(), `unknown rule "odrer": expected one of order, rows, messages`) {
		t.Errorf("error %v", err)
	}
}

// answerOf is an answer of rows of one column each, of a type that everybody knows.
func answerOf(oid uint32, values ...string) *pgAnswer {
	a := &pgAnswer{kind: 'Q', at: time.Now(), zone: "UTC"}
	columns := &pgColumns{names: []string{"c"}, types: []uint32{oid}, formats: []uint16{0}}
	for _, v := range values {
		body := append([]byte{0, 1, 0, 0, 0, byte(len(v))}, v...)
		a.add(pgItem{kind: 'D', body: body, columns: columns})
	}
	a.add(pgItem{kind: 'C', body: []byte("SELECT\x00")})
	return a
}

// TestCompare compares rows with and without what rules allow.
func TestCompare(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	for _, tc := range []struct {
		name, ignore     string
		recorded, played *pgAnswer
		what, used       string
	}{
		{"same", "", answerOf(25, "a", "b"), answerOf(25, "a", "b"), "", ""},
		{"a value", "", answerOf(25, "a", "b"), answerOf(25, "a", "c"), "row 2", ""},
		{"any value", ruleRows, answerOf(25, "a", "b"), answerOf(25, "a", "c"), "", ruleRows},
		{"a row less", ruleRows, answerOf(25, "a", "b"), answerOf(25, "a"), "row 2 (of 2 in the recording, 1 now)", ""},
		{"order", "", answerOf(25, "a", "b"), answerOf(25, "b", "a"), "the order of the rows, from row 1 (the same rows come)", ""},
		{"any order", ruleOrder, answerOf(25, "a", "b"), answerOf(25, "b", "a"), "", ruleOrder},
		{"not the same in any order", ruleOrder, answerOf(25, "a", "b"), answerOf(25, "b", "b"), "row 1", ""},
		{"users' OIDs", "", answerOf(oidOID, "16400"), answerOf(oidOID, "16500"), "", ruleOID},
		{"the system's OIDs", "", answerOf(oidOID, "25"), answerOf(oidOID, "26"), "row 1", ""},
		{"numbers like OIDs", "", answerOf(oidInt4, "16400"), answerOf(oidInt4, "16500"), "row 1", ""},
		{"its own time", "", answerOf(oidTimestampTZ, stamp(-time.Minute)), answerOf(oidTimestampTZ, stamp(0)), "", ruleClock},
		{"another time", "", answerOf(oidTimestampTZ, stamp(-24*time.Hour)), answerOf(oidTimestampTZ, stamp(0)), "row 1", ""},
		{"long ones", "", long("a"), long("b"), "what is behind the first 64 KiB of the answer", ""},
		{"long ones alike", "", long("a"), long("a"), "", ""},
	} {
		p, err := NewPostgres(PostgresConfig{Ignore: slices.DeleteFunc([]string{tc.ignore}, func(s string) bool { return s == "" })})
		if err != nil {
			t.Fatal(err)
		}
		p.times.recorded, p.times.played = began, began
		c := p.Compare(&Exchange{Answer: tc.recorded}, &Exchange{Answer: tc.played})
		if c.What != tc.what || c.Same != (tc.what == "") || strings.Join(c.Ignored, " ") != tc.used {
			t.Errorf("%s: %+v", tc.name, c)
		}
	}
}

func stamp(ago time.Duration) string {
	return time.Now().Add(ago).UTC().Format("2006-01-02 15:04:05.999999") + "+00"
}

// long is an answer of which most is a digest, with one value at its end.
func long(last string) *pgAnswer {
	values := slices.Repeat([]string{strings.Repeat("v", 200)}, 1000)
	return answerOf(25, append(values, last)...)
}

// TestSlower tells only what is slower by a factor and by a difference, with enough of it.
func TestSlower(t *testing.T) {
	m := measures{}
	add := func(fingerprint uint64, n int, recorded, played time.Duration) {
		for range n {
			m.add(&Exchange{Fingerprint: fingerprint, Name: time.Duration(fingerprint).String()}, recorded, played)
		}
	}
	add(1, 1000, time.Millisecond, 20*time.Millisecond)
	add(2, 1000, time.Microsecond, 2*time.Millisecond) // by far, but not by much
	add(3, 1000, 20*time.Millisecond, 40*time.Millisecond)
	add(4, 4, time.Millisecond, time.Second) // too few
	add(5, 5, time.Millisecond, 30*time.Millisecond)
	add(5, 3, time.Millisecond, time.Hour)
	var got []string
	for _, s := range m.slower(3, 5*time.Millisecond) {
		got = append(got, s.Operation)
	}
	if !slices.Equal(got, []string{"5ns", "1ns"}) {
		t.Errorf("slower: %v", got)
	}
}
