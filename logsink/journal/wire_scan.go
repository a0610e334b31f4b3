package journal

import "strings"

// scanner reads a line in one pass, as the encoder writes lines: without spaces, fractions and null. It takes nothing
// else. What may be a record all the same, encoding/json reads: the scanner is the quick way to the same answer.
type scanner struct {
	line string
	at   int    // what is before it was read
	bad  bool   // what is at it is not as the encoder writes it
	key  string // of the member that is read
}

// scan reads a line into w, which is empty. When it does not take the line, w is of no use.
func scan(line []byte, w *wireRecord) bool {
	s := scanner{line: string(line)}
	w.read(&s)
	return !s.bad && (s.at == len(s.line) || s.line[s.at:] == "\n")
}

func (s *scanner) fail() { s.bad = true }

// took passes c by, if it is there.
func (s *scanner) took(c byte) bool {
	if s.at >= len(s.line) || s.line[s.at] != c {
		return false
	}
	s.at++
	return true
}

// want passes c by.
func (s *scanner) want(c byte) {
	if !s.took(c) {
		s.fail()
	}
}

// object begins an object. It is false when there is no member; otherwise s.key is that of the first one.
func (s *scanner) object() bool {
	s.want('{')
	return !s.took('}') && s.member()
}

// next goes on behind a member. It is false when it was the last one.
func (s *scanner) next() bool {
	if s.took(',') {
		return s.member()
	}
	s.want('}')
	return false
}

func (s *scanner) member() bool {
	s.key = s.plain()
	s.want(':')
	return !s.bad
}

// list begins a list. It is false when there is no item. A list that comes again is not taken: encoding/json reads the
// second one over the first.
func (s *scanner) list(again bool) bool {
	s.want('[')
	s.bad = s.bad || again
	return !s.took(']') && !s.bad
}

// item goes on behind an item. It is false when it was the last one.
func (s *scanner) item() bool {
	if s.took(',') {
		return !s.bad
	}
	s.want(']')
	return false
}

// deepest is how many objects and lists there may be in each other in a member that is not known.
const deepest = 8

// unknown passes by the value of a member that this version does not know. A key in other letters may be one that it
// does, since encoding/json does not tell upper case from lower.
func (s *scanner) unknown() {
	if strings.ToLower(s.key) != s.key {
		s.fail()
		return
	}
	s.skip(deepest)
}

func (s *scanner) skip(depth int) {
	if depth == 0 || s.at == len(s.line) {
		s.fail()
		return
	}
	switch s.line[s.at] {
	case '{':
		for more := s.object(); more; more = s.next() {
			s.skip(depth - 1)
		}
	case '[':
		for more := s.list(false); more; more = s.item() {
			s.skip(depth - 1)
		}
	case '"':
		s.word()
	case 't', 'f':
		s.flag()
	default:
		s.took('-')
		s.digits()
	}
}
