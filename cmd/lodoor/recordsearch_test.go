package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMatchLength(t *testing.T) {
	for pattern, want := range map[string]int{
		"abc": 12, "a.c": 12, "[ab]{3}": 12, "a?b": 8, "(ab|c)": 8, `\bx$`: 4, "a*b": matchMax + 4, "a+": matchMax,
		"a{2,}": matchMax, "^GET /.* HTTP": 20 + matchMax + 20,
	} {
		p, err := parsePattern(pattern, false)
		if err != nil || p.longest != want {
			t.Errorf("%s: %+v, error %v, want %d", pattern, p, err, want)
		}
	}
	for _, pattern := range []string{"", "a*", "^", "(", "a|"} {
		if _, err := parsePattern(pattern, false); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: error %v", pattern, err)
		}
	}
	if p, err := parsePattern("straße", true); err != nil || !p.anywhere.MatchString("STRASSE STRAßE") {
		t.Errorf("error %v", err)
	}
}

// found is what a search has told.
type foundText struct {
	at     int
	before byte
	text   string
}

// TestSearchPieces searches streams that come in pieces of any size: what is found, and when, is what a search of the
// whole finds.
func TestSearchPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.SampledFrom([]string{"ab", "a[bc]{1,3}", "^b", `\bca`, "a(bbb)?", "abc|ab|b", "c$", "b\nc"}).Draw(t, "pattern")
		p, err := parsePattern(pattern, false)
		if err != nil {
			t.Fatal(err)
		}
		stream := []byte(rapid.StringOfN(rapid.SampledFrom([]rune("abc\n ")), 0, 300, -1).Draw(t, "stream"))
		stream = bytes.Repeat(stream, rapid.SampledFrom([]int{1, 200}).Draw(t, "times"))
		var want, got []foundText
		for _, loc := range p.anywhere.FindAllIndex(stream, -1) {
			want = append(want, foundText{at: loc[0], text: string(stream[loc[0]:loc[1]])})
		}
		var s searchedStream
		began := time.Unix(0, 0)
		told := func(at time.Time, before, match, _ []byte) {
			f := foundText{at: int(at.Sub(began)), text: string(match)}
			if len(before) > 0 {
				f.before = before[len(before)-1]
			}
			got = append(got, f)
		}
		cuts := []int{0} // where the pieces begin
		for at := 0; at < len(stream); {
			n := min(rapid.SampledFrom([]int{1, 7, 1000, 20_000}).Draw(t, "piece"), len(stream)-at)
			s.add(began.Add(time.Duration(at)), stream[at:at+n])
			at += n
			cuts = append(cuts, at)
			s.search(p, at == len(stream), told)
			if len(s.buf) > searchAt+p.longest+grepBefore+20_000 {
				t.Fatalf("%d bytes are kept", len(s.buf))
			}
		}
		compareFound(t, stream, cuts, want, got)
	})
}

// compareFound compares matches, by the piece in which they begin.
func compareFound(t *rapid.T, stream []byte, cuts []int, want, got []foundText) {
	if len(want) != len(got) {
		t.Fatalf("%d matches, want %d", len(got), len(want))
	}
	for i, w := range want {
		piece := 0
		for _, at := range cuts {
			if at <= w.at && at < len(stream) {
				piece = at
			}
		}
		if w.at > 0 {
			w.before = stream[w.at-1]
		}
		if got[i].at != piece || got[i].text != w.text || got[i].before != w.before {
			t.Fatalf("match %d is %+v, want %+v in the piece at %d", i, got[i], w, piece)
		}
	}
}

// TestSearchGap finds nothing that begins before bytes that nobody has and ends behind them.
func TestSearchGap(t *testing.T) {
	p, err := parsePattern("abcd|^x", false)
	if err != nil {
		t.Fatal(err)
	}
	var s searchedStream
	var got []string
	told := func(_ time.Time, _, match, _ []byte) { got = append(got, string(match)) }
	s.add(time.Time{}, []byte("abcd ab"))
	s.search(p, true, told)
	s.restart()
	s.add(time.Time{}, []byte("cd abcd"))
	s.search(p, true, told)
	if strings.Join(got, " ") != "abcd abcd" {
		t.Errorf("found %q", got)
	}
}
