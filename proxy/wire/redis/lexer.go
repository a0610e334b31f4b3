package redis

import "fmt"

// depthMax is how deep aggregates may be nested: Redis's own answers need ten, and each level is kept.
const depthMax = 64

// visitor is told what a lexer reads. What it wants to know beside that it finds in the lexer.
type visitor interface {
	// open tells an aggregate of n elements; of a map n counts keys and values. n is -1 when its end will be marked.
	open(kind byte, n int64)
	// begin tells a value of n bytes; n is -1 when its end will be marked, or there is none (null).
	begin(kind byte, n int64)
	// part tells the next bytes of the value as they are on the wire. They may be overwritten.
	part(b []byte)
	// end tells that the value is whole.
	end()
	// shut tells that the aggregate is whole.
	shut()
}

// aggregate is one whose elements are being read.
type aggregate struct {
	kind  byte
	left  int64 // elements to come, -1 when the end is marked
	index int64 // of the element that comes or is being read
}

// lexer reads one direction of a connection. Its zero value reads answers; a client's side may have inline commands and
// has arrays of bulk strings only.
type lexer struct {
	client bool
	keep   int // how many bytes of a value are kept

	word []byte // the first bytes of the value that is being read, without quotes and escapes
	size uint64 // how many bytes it has so far
	gap  bool   // some of them passed unseen
	null bool   // it is none

	begun  bool // a message has
	state  state
	kind   byte // of the header or the value
	count  counter
	left   uint64 // bytes of the bulk string, or of its part
	stream bool   // the bulk string comes in parts
	words  words
	stack  [depthMax]aggregate
	depth  int
}

// state is what comes next.
type state uint8

const (
	atType    state = iota // the first byte of a message or an element
	inCount                // the number behind it, up to LF
	inText                 // a line of text
	afterCR                // LF behind a line of text
	inBulk                 // the bytes of a bulk string
	afterBulk              // CR behind them
	atBulkLF               // LF behind that
	inInline               // an inline command
)

// feed reads b up to the end of a message. n is how much of b it was; whole says that the message is.
func (l *lexer) feed(b []byte, v visitor) (n int, whole bool, err error) {
	for n < len(b) && !whole && err == nil {
		var m int
		m, whole, err = l.step(b[n:], v)
		n += m
		l.begun = !whole
	}
	return n, whole, err
}

// between says that no message has begun.
func (l *lexer) between() bool { return !l.begun }

// skip passes n bytes that nobody saw. It says whether that was possible: only within a bulk string.
func (l *lexer) skip(n uint64) bool {
	if n > 0 && (l.state != inBulk || n > l.left) {
		return false
	}
	l.left -= n
	l.size += n
	l.gap = l.gap || n > 0
	if l.state == inBulk && l.left == 0 {
		l.state = afterBulk
	}
	return true
}

// inAttribute says that what is read belongs to an attribute, which is no part of the answer.
func (l *lexer) inAttribute() bool {
	for i := range l.depth {
		if l.stack[i].kind == '|' {
			return true
		}
	}
	return false
}

// index is where in its aggregate a value stands; 0 without one.
func (l *lexer) index() int64 {
	if l.depth == 0 {
		return 0
	}
	return l.stack[l.depth-1].index
}

func (l *lexer) step(b []byte, v visitor) (n int, whole bool, err error) {
	switch l.state {
	case inText:
		return l.text(b, v), false, nil
	case inBulk:
		n = l.bulk(b, v)
		return n, false, nil
	case inInline:
		return 1, l.inline(b[:1], v), nil
	}
	c := b[0]
	switch l.state {
	case atType:
		if l.client && l.depth == 0 && c != '*' {
			l.state, l.words = inInline, words{}
			l.push('*', -1, v)
			return 1, l.inline(b[:1], v), nil
		}
		err = l.start(c, v)
	case inCount:
		switch l.count.next(c) {
		case counterBad:
			err = fmt.Errorf("a byte %q in the count behind %q", c, l.kind)
		case counterWhole:
			whole, err = l.counted(v)
		}
	case afterCR, atBulkLF:
		if c != '\n' {
			return 1, false, fmt.Errorf("a byte %q where a line feed ends %s", c, kindName(l.kind))
		}
		whole = l.finish(v)
	case afterBulk:
		if c != '\r' {
			return 1, false, fmt.Errorf("a byte %q behind %s of the length that was told", c, kindName(l.kind))
		}
		l.state = atBulkLF
	}
	return 1, whole, err
}

// text reads what there is of a line.
func (l *lexer) text(b []byte, v visitor) int {
	for i, c := range b {
		if c == '\r' {
			l.take(b[:i], v)
			l.state = afterCR
			return i + 1
		}
	}
	l.take(b, v)
	return len(b)
}

// bulk reads what there is of a bulk string.
func (l *lexer) bulk(b []byte, v visitor) int {
	n := int(min(uint64(len(b)), l.left))
	l.take(b[:n], v)
	if l.left -= uint64(n); l.left == 0 {
		l.state = afterBulk
	}
	return n
}

// take tells bytes of a value, and keeps the first ones.
func (l *lexer) take(b []byte, v visitor) {
	if len(b) == 0 {
		return
	}
	l.note(b)
	v.part(b)
}

func (l *lexer) note(b []byte) {
	if room := l.keep - len(l.word); room > 0 && !l.gap {
		l.word = append(l.word, b[:min(room, len(b))]...)
	}
	l.size += uint64(len(b))
}

// inline reads a byte of an inline command. It says whether the command is whole.
func (l *lexer) inline(b []byte, v visitor) (whole bool) {
	l.kind = '$'
	e := l.words.next(b[0])
	if e.begins {
		l.begin('$', -1, v)
	}
	l.note(l.words.decoded())
	if e.inside {
		v.part(b)
	}
	if e.ends {
		v.end()
		l.stack[0].index++
	}
	if e.last {
		l.pop(v)
		l.state = atType
	}
	return e.last
}
