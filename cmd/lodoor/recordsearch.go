package main

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"time"
	"unicode/utf8"
)

const (
	// matchMax is how long a match may be whose pattern does not say how long it is.
	matchMax = 4 << 10
	// searchAt is how much of a direction waits to be searched, unless the other side speaks.
	searchAt = 16 << 10
)

// streamPattern is what is searched for in streams.
type streamPattern struct {
	anywhere *regexp.Regexp
	behind   *regexp.Regexp // the pattern right behind the first character
	longest  int            // how many bytes a match may have
}

// parsePattern reads what is searched for in streams.
func parsePattern(pattern string, ignoreCase bool) (*streamPattern, error) {
	flags := "(?m)"
	if ignoreCase {
		flags = "(?mi)"
	}
	var wrong *syntax.Error
	if _, err := regexp.Compile(pattern); errors.As(err, &wrong) {
		return nil, fmt.Errorf("%q: %s: %q; expected a regular expression of RE2, https://golang.org/s/re2syntax",
			pattern, wrong.Code, wrong.Expr)
	}
	re, err := regexp.Compile(flags + pattern)
	if err != nil {
		return nil, err
	}
	behind, err := regexp.Compile(flags + `\A(?s:.)(?:` + pattern + ")")
	if err != nil {
		return nil, err
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("%q is found everywhere, since it matches nothing at all: expected a pattern that needs at least "+
			"one character", pattern)
	}
	tree, err := syntax.Parse(flags+pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &streamPattern{re, behind, matchLength(tree)}, nil
}

// matchLength is how many bytes a match of a pattern has at most; matchMax when the pattern sets no bound.
func matchLength(re *syntax.Regexp) int {
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = utf8.UTFMax * len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus:
		return matchMax
	case syntax.OpRepeat:
		if re.Max < 0 {
			return matchMax
		}
		n = re.Max * matchLength(re.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			n = max(n, matchLength(sub))
		}
	default: // a sequence, a group, something that may be there, and what has no width
		for _, sub := range re.Sub {
			n += matchLength(sub)
		}
	}
	return n
}

// searchedStream is one direction of a session while it is searched. It keeps what a match that goes on may need.
type searchedStream struct {
	buf     []byte
	fresh   int // buf[fresh:] was not searched yet
	shown   int // what is before it was found already
	arrived []arrival
}

// arrival is when the bytes from an offset on came.
type arrival struct {
	offset int
	at     time.Time
}

func (s *searchedStream) add(at time.Time, b []byte) {
	s.arrived = append(s.arrived, arrival{len(s.buf), at})
	s.buf = append(s.buf, b...)
}

// restart begins anew behind bytes that nobody has.
func (s *searchedStream) restart() { *s = searchedStream{buf: s.buf[:0], arrived: s.arrived[:0]} }

// search tells what is found. Unless it is final, what more bytes could still change waits for them.
func (s *searchedStream) search(
	p *streamPattern, final bool, found func(at time.Time, before, match, after []byte),
) {
	if s.fresh == len(s.buf) || !final && len(s.buf)-s.fresh < searchAt {
		return
	}
	fresh := len(s.buf)
	for from := max(s.shown, s.fresh-p.longest); from < len(s.buf); {
		start, end := p.from(s.buf, from)
		if start < 0 {
			break
		}
		if !final && start+p.longest > len(s.buf) {
			fresh = start
			break
		}
		found(s.arrivedAt(start), s.buf[:start], s.buf[start:end], s.buf[end:])
		from, s.shown = end, end
	}
	s.compact(fresh, p.longest)
}

// from finds the first match that begins at an offset or behind it; start is -1 when there is none. What is before the
// offset is only looked at: whether a line or a word begins there.
func (p *streamPattern) from(b []byte, from int) (start, end int) {
	for ; from < len(b); from++ {
		if from > 0 {
			if loc := p.behind.FindIndex(b[from-1:]); loc != nil {
				return from, from - 1 + loc[1]
			}
		}
		loc := p.anywhere.FindIndex(b[from:])
		switch {
		case loc == nil:
			return -1, -1
		case from == 0 || loc[0] > 0:
			return from + loc[0], from + loc[1]
		}
	}
	return -1, -1
}

// compact lets go of what no match will need, and nobody who looks at one.
func (s *searchedStream) compact(fresh, longest int) {
	n := max(0, min(fresh, len(s.buf)-longest)-grepBefore)
	s.fresh, s.shown = fresh-n, max(0, s.shown-n)
	s.buf = append(s.buf[:0], s.buf[n:]...)
	first := 0
	for i := range s.arrived {
		if s.arrived[i].offset <= n {
			first = i
		}
	}
	s.arrived = append(s.arrived[:0], s.arrived[first:]...)
	for i := range s.arrived {
		s.arrived[i].offset = max(0, s.arrived[i].offset-n)
	}
}

// arrivedAt is when the byte at an offset came.
func (s *searchedStream) arrivedAt(offset int) time.Time {
	i := len(s.arrived) - 1
	for i > 0 && s.arrived[i].offset > offset {
		i--
	}
	return s.arrived[i].at
}
