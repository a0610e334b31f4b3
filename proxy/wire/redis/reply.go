package redis

import "strconv"

// reply is what is noted of a message of the server while it is read.
type reply struct {
	kind   byte
	null   bool
	rows   int64
	first  []byte // the first word of a list or of a line
	second []byte // the second word of a list
	number int64  // the last number of a list
	status []byte // the first word of the error, its own or the first within
	told   []byte // what the error says behind it
}

// Bounds of what is kept of an answer.
const (
	firstMax  = 32
	statusMax = 64
)

func (r *reply) reset() {
	*r = reply{first: r.first[:0], second: r.second[:0], status: r.status[:0], told: r.told[:0], rows: -1}
}

// value notes a whole value.
func (r *reply) value(l *lexer) {
	if l.inAttribute() {
		return
	}
	switch {
	case l.depth == 0:
		r.kind, r.null = l.kind, l.null
		r.rows = valueRows(l.kind, l.null)
		r.first = append(r.first[:0], firstWord(l.word)...)
	case l.depth == 1 && l.index() == 0:
		r.first = append(r.first[:0], l.word[:min(len(l.word), firstMax)]...)
	case l.depth == 1 && l.index() == 1:
		r.second = append(r.second[:0], l.word[:min(len(l.word), noteMax)]...)
	}
	if l.kind == ':' && l.depth == 1 {
		r.number, _ = strconv.ParseInt(string(l.word), 10, 64) // what is no number of channels counts as none
	}
	if failure(l.kind) && len(r.status) == 0 {
		w := errorCode(l.word)
		r.status = append(r.status[:0], w[:min(len(w), statusMax)]...)
		r.told = append(r.told[:0], l.word[len(w):]...)
	}
}

// whole notes an aggregate that has ended.
func (r *reply) whole(l *lexer) {
	if a := &l.stack[l.depth]; l.depth == 0 && a.kind != '|' {
		r.kind, r.rows = a.kind, a.index
		if a.kind == '%' {
			r.rows /= 2
		}
	}
}

// failed says that the answer is an error.
func (r *reply) failed() bool { return failure(r.kind) }

func failure(kind byte) bool { return kind == '-' || kind == '!' }

// valueRows is how many rows an answer is that is no list.
func valueRows(kind byte, null bool) int64 {
	switch {
	case null:
		return 0
	case kind == '+' || failure(kind): // says how it went, not what there is
		return -1
	}
	return 1
}

func firstWord(b []byte) []byte {
	for i, c := range b {
		if c == ' ' {
			return b[:i]
		}
	}
	return b
}

// errorCode is the word that an error begins with. What is none is taken for what the error says.
func errorCode(b []byte) []byte {
	for i, c := range b {
		if !codeByte(c) {
			return b[:i]
		}
	}
	return b
}

func codeByte(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}
