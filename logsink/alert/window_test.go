package alert

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseWindow(t *testing.T) {
	tests := []struct {
		text string
		want string // as it is written, or the error after "error: "
	}{
		{"count() > 20 in 1m by service", "count() > 20 in 1m0s by service"},
		{"count()>=3 in 90s", "count() >= 3 in 1m30s"},
		{" sum( session.bytes_from_client ) > 1000000 in 1h by program , user", "sum(session.bytes_from_client) > 1000000 in 1h0m0s by program, user"},
		{"max(session.duration) > 5s in 10m", "max(session.duration) > 5s in 10m0s"},
		{"distinct(client.address) == 1024 in 24h by a, b, c", "distinct(client.address) == 1024 in 24h0m0s by a, b, c"},
		{"", `error: column 1: expected one of count(), sum(FIELD), distinct(FIELD), max(FIELD); found the end`},
		{"avg(x) > 1 in 1m", `error: column 1: expected one of count(), sum(FIELD), distinct(FIELD), max(FIELD); found "avg"`},
		{"count > 1 in 1m", `error: column 7: expected (; found ">"`},
		{"count(x) > 1 in 1m", `error: column 7: expected ) since count() counts records and has no field; found "x"`},
		{"sum() > 1 in 1m", `error: column 5: expected the name of a field, as service or client.address; found ")"`},
		{"count() < 1 in 1m", `error: column 9: expected one of >, >=, ==; found "<"`},
		{"count() > -1 in 1m", `error: column 11: expected a whole number without a sign, or a duration as 5s; found "-"`},
		{"count() > 1.5 in 1m", `error: column 11: expected a whole number without a sign, or a duration as 5s; found "1.5"`},
		{"count() > 5s in 1m", `error: column 11: expected a number: count counts; found "5s"`},
		{"count() >= 0 in 1m", `error: column 12: expected a number above 0: it is looked at when there is one at least; found "0"`},
		{"distinct(user) > 1025 in 1m", `error: column 18: expected at most 1024, since so many values are told apart; found "1025"`},
		{"count() > 1", `error: column 12: expected in, as in "in 1m"; found the end`},
		{"count() > 1 in 1", `error: column 16: expected a duration from 1s to 24h, as 1m; found "1"`},
		{"count() > 1 in 10ms", `error: column 16: expected a duration from 1s to 24h, as 1m; found "10ms"`},
		{"count() > 1 in 25h", `error: column 16: expected a duration from 1s to 24h, as 1m; found "25h"`},
		{"count() > 1 in 1m per user", `error: column 19: expected by and fields, or the end; found "per"`},
		{"count() > 1 in 1m by", `error: column 21: expected the name of a field, as service or client.address; found the end`},
		{"count() > 1 in 1m by a,", `error: column 24: expected the name of a field, as service or client.address; found the end`},
		{"count() > 1 in 1m by a b", `error: column 24: expected a comma and another field, or the end; found "b"`},
		{"count() > 1 in 1m by a, a", `error: column 25: a is given twice: expected each field once`},
		{"count() > 1 in 1m by a, b, c, d", `error: column 31: d is one field too many: expected at most 3`},
		{"count() > 1 in 1m é", `error: column 19: expected by and fields, or the end; found "é"`},
		{"count() > 99999999999999999999 in 1m", `error: column 11: expected a whole number without a sign, or a duration as 5s; found "99999999999999999999"`},
		{strings.Repeat(" ", 513), `error: the window has 513 bytes: at most 512 are allowed`},
	}
	for _, test := range tests {
		got, err := "", error(nil)
		w, err := parseWindow(test.text)
		if got = fmt.Sprint("error: ", err); err == nil {
			got = w.String()
		}
		if got != test.want {
			t.Errorf("%q:\ngot  %s\nwant %s", test.text, got, test.want)
		}
	}
}

// Whatever a person writes is refused with a place in the text, or read as what it writes itself as.
func FuzzWindow(f *testing.F) {
	for _, text := range []string{
		"count() > 20 in 1m by service", "sum(a.b) >= 1 in 1s by c, d, e", "max(session.duration) == 5s in 24h",
		"distinct(client.address) > 1024 in 1h30m", "count()>1in 1m", "count( ) > 1\tin\n1m by\xff", "count() > 0x1 in 1m",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := parseWindow(text)
		if err != nil {
			var column int
			if _, scan := fmt.Sscanf(err.Error(), "column %d:", &column); len(text) <= maxWindowText &&
				(scan != nil || column < 1 || column > len(text)+1) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := parseWindow(w.String())
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, w, err)
		}
		if diff := cmp.Diff(w, again, cmp.AllowUnexported(window{})); diff != "" {
			t.Fatalf("%q (-first +again):\n%s", text, diff)
		}
	})
}

// seenRecord is what a naive window keeps of a record: all of it.
type seenRecord struct {
	bucket int64
	amount float64
	value  string
}

// naive measures a window by looking at everything that ever came.
func naive(m measure, all []seenRecord, now, length int64) float64 {
	sum, most, values := 0.0, math.Inf(-1), map[string]bool{}
	for _, r := range all {
		if r.bucket > now-length {
			sum += r.amount
			most = max(most, r.amount)
			values[r.value] = true
		}
	}
	switch m {
	case measureMax:
		return most
	case measureDistinct:
		return float64(len(values))
	default:
		return sum
	}
}

func TestWindowsMeasureAsANaiveOneDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &window{
			measure:  rapid.SampledFrom([]measure{measureCount, measureSum, measureMax, measureDistinct}).Draw(t, "measure"),
			operator: rapid.SampledFrom([]string{">", ">=", "=="}).Draw(t, "operator"),
			limit:    float64(rapid.IntRange(0, 6).Draw(t, "limit")),
			span:     time.Duration(rapid.Int64Range(int64(time.Second), int64(5*time.Minute)).Draw(t, "span")),
		}
		tally, kept := newTally(w), map[string][]seenRecord{}
		if d := time.Duration(tally.length) * tally.bucket; d < w.span || d >= w.span+tally.bucket {
			t.Fatalf("%d buckets of %v for %v", tally.length, tally.bucket, w.span)
		}
		at := time.Duration(0)
		for range rapid.IntRange(1, 80).Draw(t, "records") {
			at += time.Duration(rapid.Int64Range(0, int64(w.span)/3).Draw(t, "pause"))
			key := rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "key")
			r := seenRecord{
				int64(at / tally.bucket), float64(rapid.IntRange(0, 9).Draw(t, "amount")),
				rapid.SampledFrom(strings.Split("stuvwxyz", "")).Draw(t, "value"),
			}
			if rapid.IntRange(0, 9).Draw(t, "tick") == 0 {
				tally.tick(at)
			}
			kept[key] = append(kept[key], r)
			got, others := tally.add([]byte(key), at, r.amount, []byte(r.value))
			want := naive(w.measure, kept[key], r.bucket, tally.length)
			if others || w.holds(got) != w.holds(want) || w.measure != measureDistinct && got != want {
				t.Fatalf("%v at %v: %v, a naive window has %v", w, at, got, want)
			}
		}
	})
}

func TestWindowsAreBounded(t *testing.T) {
	for _, m := range []measure{measureCount, measureDistinct} {
		w := &window{measure: m, operator: ">", limit: 1000, span: time.Minute}
		tally := newTally(w)
		for i := range 200_000 {
			key, value := fmt.Appendf(nil, "key %d", i%5000), fmt.Appendf(nil, "value %d", i)
			_, others := tally.add(key, time.Duration(i)*100*time.Microsecond, 1, value)
			if others != (i%5000 >= maxKeys) {
				t.Fatalf("%s: record %d is counted with others: %v", m, i, others)
			}
		}
		values := 0
		for _, s := range tally.series {
			values += len(s.seen)
		}
		if len(tally.series) > maxKeys+1 || values > maxValues+maxKeys || tally.values != values {
			t.Errorf("%s: %d keys, %d values, counted as %d", m, len(tally.series), values, tally.values)
		}
		tally.tick(time.Hour)
		if len(tally.series) != 0 || tally.values != 0 {
			t.Errorf("%s: after an hour of quiet %d keys and %d values are kept", m, len(tally.series), tally.values)
		}
	}
}
