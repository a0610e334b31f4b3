package mysql_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// holds holds a recorded session to what is true of every session: how it is cut makes no difference, to what is told
// nor to what is overwritten; lengths stay; and what is overwritten is the same conversation.
func holds(t *testing.T, pieces []piece) {
	t.Helper()
	want := decode(pieces, flow.StatementsText)
	total := len(stream(pieces, flow.FromClient)) + len(stream(pieces, flow.FromBackend))
	for _, what := range []flow.Redaction{
		{}, {Authentication: true}, {Parameters: true}, {Rows: true}, {Authentication: true, Parameters: true, Rows: true},
	} {
		if total > 1<<22 && (!what.Authentication || !what.Rows) {
			continue // it takes long
		}
		whole, lost := redact(pieces, what)
		if lost {
			t.Fatalf("%+v: the redactor gave up", what)
		}
		if what == (flow.Redaction{}) {
			same(t, whole, pieces)
		}
		if got := decode(whole, flow.StatementsText); shape(got) != shape(want) {
			t.Errorf("%+v: redacted:\n%s\nas it was:\n%s", what, shape(got), shape(want))
		}
		if total > 1<<22 {
			continue // to cut it takes long
		}
		cutAgain(t, pieces, func(t testing.TB, again []piece) {
			redacted, lost := redact(again, what)
			if lost {
				t.Fatal("the redactor gave up")
			}
			same(t, redacted, whole)
		})
	}
	if total <= 1<<22 {
		cutAgain(t, pieces, func(t testing.TB, again []piece) {
			if got := decode(again, flow.StatementsText); strings.Join(lines(got.ops), "\n") != strings.Join(lines(want.ops), "\n") {
				t.Errorf("cut:\n%s\nnot cut:\n%s", strings.Join(lines(got.ops), "\n"), strings.Join(lines(want.ops), "\n"))
			}
		})
	}
}

// cutAgain calls f with the pieces cut in some other ways.
func cutAgain(t *testing.T, pieces []piece, f func(t testing.TB, again []piece)) {
	t.Helper()
	total := 0
	for _, p := range pieces {
		total += len(p.b)
	}
	if total < 1<<15 {
		f(t, cutEvery(pieces, 1))
	}
	for _, n := range []int{3, 7, 100, 4096} {
		if total/n < 1<<15 {
			f(t, cutEvery(pieces, n))
		}
	}
}

func cutEvery(pieces []piece, n int) (out []piece) {
	for _, p := range pieces {
		for b := range bytes.Lines(p.b) { // at line ends as well
			for len(b) > 0 {
				k := min(n, len(b))
				out = append(out, piece{p.dir, b[:k]})
				b = b[k:]
			}
		}
	}
	return out
}

// drawn cuts pieces as rapid draws.
func drawn(t *rapid.T, pieces []piece) (out []piece) {
	for _, p := range pieces {
		b := p.b
		for len(b) > 0 {
			n := rapid.IntRange(1, min(len(b), 40)).Draw(t, "n")
			out = append(out, piece{p.dir, b[:n]})
			b = b[n:]
		}
	}
	return out
}

func same(t testing.TB, a, b []piece) {
	t.Helper()
	for _, dir := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		x, y := stream(a, dir), stream(b, dir)
		if !bytes.Equal(x, y) {
			i := 0
			for i < min(len(x), len(y)) && x[i] == y[i] {
				i++
			}
			t.Fatalf("%v differs at %d of %d and %d: %q and %q", dir, i, len(x), len(y), x[max(0, i-30):min(len(x), i+30)],
				y[max(0, i-30):min(len(y), i+30)])
		}
	}
}

// shape is what stays of a conversation when its texts are overwritten.
func shape(x told) string {
	var b strings.Builder
	for _, o := range x.ops {
		c := *o
		c.Text, c.Fingerprint, c.Error, c.Cut, c.Name = "", 0, "", false, ""
		b.WriteString(line(&c) + "\n")
	}
	if x.err != nil {
		b.WriteString(x.err.Error())
	}
	return b.String()
}
