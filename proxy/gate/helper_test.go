package gate

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// run is what became of bytes that went through a gate.
type run struct {
	passed string
	done   bool
	refuse *flow.Verdict
	calls  int
}

// feed gives a gate the pieces as a lane does: what it holds is given again, with what came since.
func feed(t rapid.TB, g flow.Gate, pieces []string, eof bool) (r run) {
	t.Helper()
	var held []byte
	var passed strings.Builder
	defer func() { r.passed = passed.String() }()
	for i := 0; i < len(pieces) || eof && i == len(pieces); i++ {
		last := i == len(pieces)
		if !last {
			held = append(held, pieces[i]...)
		}
		if last && r.done {
			return r
		}
		before := ""
		if len(pieces) < 1000 {
			before = string(held)
		}
		a := g.Inspect(held, last)
		r.calls++
		switch {
		case before != "" && string(held) != before:
			t.Fatalf("the gate changed what it was given")
		case a.Refuse != nil:
			r.refuse = a.Refuse
			return r
		case a.Done:
			passed.WriteString(string(held) + strings.Join(pieces[min(i+1, len(pieces)):], ""))
			r.done = true
			return r
		case a.Pass < 0 || a.Pass > len(held):
			t.Fatalf("Pass is %d of %d", a.Pass, len(held))
		}
		passed.Write(held[:a.Pass])
		held = held[a.Pass:]
		if len(held) > flow.GateMax {
			t.Fatalf("%d bytes are held", len(held))
		}
	}
	if eof && len(held) > 0 {
		t.Fatalf("%d bytes are held at the end without a refusal", len(held))
	}
	return r
}

// bytewise cuts s into bytes; strings.Split would keep UTF-8 together.
func bytewise(s string) []string {
	pieces := make([]string, len(s))
	for i := range len(s) {
		pieces[i] = s[i : i+1]
	}
	return pieces
}

// cut cuts s into pieces in a way that rapid draws.
func cut(t *rapid.T, s string) []string {
	var pieces []string
	for len(s) > 0 {
		n := rapid.IntRange(1, len(s)).Draw(t, "piece")
		if rapid.Bool().Draw(t, "small") {
			n = min(n, 1+n%7)
		}
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	return pieces
}

const frontPort = 62893

func front() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:62893") }

func guard(t testing.TB, c Config) *Guard {
	t.Helper()
	g, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
