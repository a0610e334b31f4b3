package backend

import "testing"

// told is a script of questions, each answered with its place.
func told(who, questions string) *script {
	s := &script{who: who}
	for i, q := range questions {
		s.add(take{key: keyOf('t', []byte(string(q))), answer: []byte{byte('0' + i)}, quiet: q == 'p'})
	}
	return s
}

// TestBook asks as clients do, and tells which recorded session answers, and from where.
func TestBook(t *testing.T) {
	t.Parallel()
	one, two, other := told("me", "abcab"), told("me", "abd"), told("you", "abxpyp")
	b := &book{}
	for _, s := range []*script{one, two, other} {
		b.write(s)
	}
	for _, c := range []struct {
		who, asks string
		from      *script
		want      string
	}{
		{"me", "abcab", one, "01234"},
		{"me", "ab", two, "01"},            // the next client has the next session
		{"me", "ad", two, "02"},            // nobody else has d
		{"you", "abx", other, "012"},       // a session for the same
		{"you", "abypxy", other, "014524"}, // x lies behind, and nobody else has it
		{"me", "abd", two, "012"},
	} {
		f := follower{book: b, who: c.who}
		got := ""
		for _, q := range c.asks {
			k := keyOf('t', []byte(string(q)))
			found := f.next
			if q == 'p' {
				found = f.peek
			}
			a := found(k)
			if a == nil {
				t.Fatalf("%s: no answer to %c", c.asks, q)
			}
			got += string(a.answer)
		}
		if f.now != c.from || got != c.want {
			t.Errorf("%s asks %s: answers %s, want %s; the right session: %v", c.who, c.asks, got, c.want, f.now == c.from)
		}
	}
	if (&follower{book: b}).next(keyOf('t', []byte("z"))) != nil {
		t.Error("an answer to what nobody asked")
	}
}
