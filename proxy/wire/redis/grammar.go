package redis

import (
	"errors"
	"fmt"
)

// start reads the first byte of a message or an element.
func (l *lexer) start(c byte, v visitor) error {
	if l.stream && c != ';' {
		return fmt.Errorf("a byte %q where the next part of a string begins with ;", c)
	}
	if l.client && l.depth > 0 && c != '$' {
		return fmt.Errorf("a byte %q where an argument of a command begins with $", c)
	}
	switch c {
	case '$', '!', '=', '*', '%', '~', '>', '|', '.':
	case ';':
		if !l.stream {
			return errors.New("a part of a string that was not announced as coming in parts")
		}
	case '+', '-', ':', ',', '(', '#', '_':
		l.kind, l.state = c, inText
		l.begin(c, -1, v)
		l.null = c == '_'
		return nil
	default:
		return fmt.Errorf("a byte %q, with which no answer begins", c)
	}
	l.kind, l.state, l.count = c, inCount, counter{}
	return nil
}

// counted goes on behind a line with a count.
func (l *lexer) counted(v visitor) (whole bool, err error) {
	n, streamed := l.count.n, l.count.open
	switch {
	case l.kind == '.':
		return l.marked(v)
	case l.count.digits == 0 && !streamed:
		return false, fmt.Errorf("no count behind %q", l.kind)
	case n < -1, n == -1 && (l.kind != '$' && l.kind != '*'), streamed && (l.client || l.kind == ';'):
		return false, fmt.Errorf("a count of %d behind %q", n, l.kind)
	case l.kind == ';':
		return l.nextPart(uint64(n), v), nil
	case n == -1: // RESP2's null
		l.begin(l.kind, -1, v)
		l.null = true
		return l.finish(v), nil
	}
	switch l.kind {
	case '$', '!', '=':
		if streamed {
			l.stream, l.state = true, atType
			l.begin(l.kind, -1, v)
			return false, nil
		}
		l.begin(l.kind, n, v)
		l.left = uint64(n)
		l.state = inBulk
		if n == 0 {
			l.state = afterBulk
		}
		return false, nil
	}
	return l.aggregate(n, streamed, v)
}

// aggregate begins one.
func (l *lexer) aggregate(n int64, streamed bool, v visitor) (whole bool, err error) {
	if l.depth == depthMax {
		return false, fmt.Errorf("more than %d aggregates within each other", depthMax)
	}
	if l.kind == '%' || l.kind == '|' {
		n *= 2
	}
	if streamed {
		n = -1
	}
	l.state = atType
	l.push(l.kind, n, v)
	if n == 0 {
		return l.pop(v) && l.done(v), nil
	}
	return false, nil
}

// marked ends an aggregate whose end is marked.
func (l *lexer) marked(v visitor) (whole bool, err error) {
	if l.count.digits > 0 || l.count.open || l.depth == 0 || l.stack[l.depth-1].left >= 0 {
		return false, errors.New("the mark of an end where nothing is open")
	}
	l.state = atType
	return l.pop(v) && l.done(v), nil
}

// nextPart begins a part of a string; one of no bytes is the end.
func (l *lexer) nextPart(n uint64, v visitor) (whole bool) {
	l.kind = '$'
	if n == 0 {
		l.stream = false
		return l.finish(v)
	}
	l.left, l.state = n, inBulk
	return false
}

// begin tells the beginning of a value.
func (l *lexer) begin(kind byte, n int64, v visitor) {
	l.word, l.size, l.gap, l.null = l.word[:0], 0, false, false
	v.begin(kind, n)
}

// finish ends a value, or the part of one.
func (l *lexer) finish(v visitor) (whole bool) {
	l.state = atType
	if l.stream {
		return false
	}
	v.end()
	return l.done(v)
}

// done counts an element, and ends what is whole by it.
func (l *lexer) done(v visitor) (whole bool) {
	for l.depth > 0 {
		a := &l.stack[l.depth-1]
		a.index++
		if a.left > 0 {
			a.left--
		}
		if a.left != 0 || !l.pop(v) {
			return false
		}
	}
	return true
}

func (l *lexer) push(kind byte, n int64, v visitor) {
	v.open(kind, n)
	l.stack[l.depth] = aggregate{kind: kind, left: n}
	l.depth++
}

// pop ends the innermost aggregate. It says whether that was an element: an attribute goes ahead of one.
func (l *lexer) pop(v visitor) bool {
	l.depth--
	v.shut()
	return l.stack[l.depth].kind != '|'
}

// counter reads the number of a header, as it comes.
type counter struct {
	n        int64
	digits   int
	negative bool
	open     bool // a question mark: the end will be marked
	cr       bool
}

type counterState uint8

const (
	counterMore counterState = iota
	counterWhole
	counterBad
)

// countDigits is how many digits a count may have: no machine has more to say.
const countDigits = 15

func (c *counter) next(b byte) counterState {
	switch {
	case c.cr:
		if b != '\n' {
			return counterBad
		}
		if c.negative {
			c.n = -c.n
		}
		return counterWhole
	case b == '\r':
		c.cr = true
	case b == '?' && c.digits == 0 && !c.negative && !c.open:
		c.open = true
	case b == '-' && c.digits == 0 && !c.negative && !c.open:
		c.negative = true
	case '0' <= b && b <= '9' && c.digits < countDigits && !c.open:
		c.n, c.digits = 10*c.n+int64(b-'0'), c.digits+1
	default:
		return counterBad
	}
	return counterMore
}

// kindName is what a message is called in words.
func kindName(kind byte) string {
	switch kind {
	case '$', '!', '=', ';':
		return "a bulk string"
	case '+':
		return "a simple string"
	case '-':
		return "an error"
	}
	return fmt.Sprintf("a line that begins with %q", kind)
}
