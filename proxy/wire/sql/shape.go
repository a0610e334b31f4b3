package sql

// shape makes of a statement's tokens the text and the hash that it has in common with all that differ in their
// literals: each literal is a question mark, a list after IN has one element, VALUES one row, white space is one space
// where there was any, and what only ends the statement is gone. In the hash words are in upper case, parameters are
// question marks, and white space does not count.
type shape struct {
	out    []byte
	limit  int
	cut    bool
	silent bool // only the hash is wanted
	hash   uint64

	spaced bool // white space stands before the token
	last   operandKind
	opened bool // the last token was an opening bracket
	depth  int  // of brackets
	held   held
	list   fold // behind IN or ARRAY
	rows   fold // behind VALUES
}

// operandKind is what the last token was to an operator behind it.
type operandKind uint8

const (
	operator operandKind = iota // or nothing at all
	operand                     // a word, a name, a closing bracket
	value                       // a literal or a parameter
)

// held is what was read and may yet be left out.
type held struct {
	semicolon, comma bool
	sign             byte // 0 when there is none
}

// fold is how far something that repeats itself was read.
type fold struct {
	stage foldStage
	depth int // outside of its brackets
}

type foldStage uint8

const (
	away    foldStage = iota
	named             // its keyword was read
	inside            // its brackets
	behind            // what is behind them
	dropped           // brackets that are left out
)

// literal takes a literal. A sign before a number belongs to it.
func (s *shape) literal(isNumber bool) {
	if isNumber {
		s.held.sign = 0
	}
	s.value([]byte("?"))
}

// value takes what stands for a value: of those in a list the first is told.
func (s *shape) value(raw []byte) {
	if s.held.comma && s.list.stage == inside {
		s.held = held{}
		return
	}
	s.write(raw, '?')
	s.last = value
}

// take takes a token that is no literal.
func (s *shape) take(k kind, raw []byte) {
	switch k {
	case mark:
		s.mark(raw)
	case param:
		s.value(raw)
	default:
		s.write(raw, 0)
		s.last = operand
		if k == word {
			s.keyword(raw)
		}
	}
}

func (s *shape) keyword(raw []byte) {
	switch len(raw) {
	case len("IN"), len("ARRAY"), len("VALUES"):
	default:
		return
	}
	switch upperString(raw) {
	case "IN", "ARRAY":
		s.list = fold{stage: named}
	case "VALUES":
		s.rows = fold{stage: named}
	}
}

func (s *shape) mark(raw []byte) {
	c := raw[0]
	switch c {
	case '(', '[':
		s.open(raw)
	case ')', ']':
		s.shut(raw)
	case ';':
		s.held.semicolon = true
	case ',':
		s.comma(raw)
	case '-', '+':
		if s.rows.stage != dropped && s.held.sign == 0 && (s.last == operator || s.held.comma) {
			s.held.sign = c
			return
		}
		s.sign(raw)
	default:
		s.sign(raw)
	}
}

func (s *shape) sign(raw []byte) {
	s.write(raw, 0)
	s.last = operator
}

func (s *shape) open(raw []byte) {
	if s.rows.stage == behind && s.held.comma {
		s.held.comma = false
		s.rows.stage = dropped
	}
	rows, list := s.rows.stage == named, s.list.stage == named
	s.sign(raw)
	s.opened = s.rows.stage != dropped
	if rows {
		s.rows = fold{inside, s.depth}
	}
	if list {
		s.list = fold{inside, s.depth}
	}
	s.depth++
}

func (s *shape) shut(raw []byte) {
	s.spaced = false
	s.write(raw, 0)
	s.last = operand
	s.depth--
	if s.rows.stage >= inside && s.depth == s.rows.depth {
		s.rows.stage = behind
	}
	if s.list.stage == inside && s.depth == s.list.depth {
		s.list.stage = away
	}
}

// comma holds one back that may stand before another element or row.
func (s *shape) comma(raw []byte) {
	element := s.list.stage == inside && s.depth == s.list.depth+1 && s.last == value
	row := s.rows.stage == behind && s.depth == s.rows.depth
	s.spaced = false
	if element || row {
		s.held.comma = true
		return
	}
	s.sign(raw)
}

// write writes a token behind those that were held back, unless it is of a row that is left out. as is what goes into
// the hash in its place; 0 stands for itself.
func (s *shape) write(raw []byte, as byte) {
	if s.rows.stage == dropped {
		return
	}
	if s.rows.stage == named || s.rows.stage == behind {
		s.rows.stage = away
	}
	if s.list.stage == named {
		s.list.stage = away
	}
	h := s.held
	s.held = held{}
	if h.semicolon {
		s.put([]byte{';'}, 0, false)
	}
	if h.comma {
		s.put([]byte{','}, 0, false)
	}
	if h.sign != 0 {
		s.put([]byte{h.sign}, 0, s.spaced)
		s.spaced = false
	}
	s.put(raw, as, s.spaced && !s.opened)
	s.spaced, s.opened = false, false
}

func (s *shape) put(raw []byte, as byte, spaced bool) {
	s.count(raw, as)
	if s.silent || s.cut {
		return
	}
	if spaced && len(s.out) > 0 {
		s.out = append(s.out, ' ')
	}
	s.out = append(s.out, raw...)
	if len(s.out) > s.limit {
		s.out, s.cut = s.out[:s.limit], true
	}
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// count adds a token to the hash (FNV-1a).
func (s *shape) count(raw []byte, as byte) {
	h := s.hash
	if as != 0 {
		h = (h ^ uint64(as)) * fnvPrime
	} else {
		for _, c := range raw {
			h = (h ^ uint64(upper(c))) * fnvPrime
		}
	}
	s.hash = h * fnvPrime // the token's end: a byte 0
}

// sum is the hash; 0 only when there was no token.
func (s *shape) sum() uint64 {
	if s.hash == fnvOffset {
		return 0
	}
	return max(s.hash, 1)
}
