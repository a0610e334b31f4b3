package redis

// words finds the words of an inline command as Redis does: between blanks, with double quotes that know escapes and
// single quotes that know \' only. What Redis would refuse is read as far as it makes sense: it must not hide a secret.
type words struct {
	state wordState
	hex   byte // the first digit of \xHH
	out   [3]byte
	n     int
}

type wordState uint8

const (
	betweenWords wordState = iota
	inBare
	inDouble
	inDoubleEscape // behind a backslash
	inDoubleHex    // behind \x
	inDoubleHex2   // behind \xH
	inSingle
	inSingleEscape
)

// wordEvent is what a byte is.
type wordEvent struct {
	begins bool // a word begins with it
	inside bool // it belongs to the word, and is no quote
	ends   bool // a word ends before it
	last   bool // it ends the line
}

// decoded are the bytes that the last byte gave to the word.
func (w *words) decoded() []byte { return w.out[:w.n] }

func (w *words) emit(c byte) {
	w.out[w.n] = c
	w.n++
}

// next reads a byte.
func (w *words) next(c byte) (e wordEvent) {
	w.n = 0
	if c == '\n' {
		e.ends, e.last = w.state != betweenWords, true
		w.state = betweenWords
		return e
	}
	switch w.state {
	case betweenWords:
		if blank(c) {
			return e
		}
		e.begins = true
		w.state = inBare
		fallthrough
	case inBare:
		switch {
		case blank(c):
			e.ends, w.state = true, betweenWords
		case c == '"':
			w.state = inDouble
		case c == '\'':
			w.state = inSingle
		default:
			w.emit(c)
			e.inside = true
		}
	case inSingle, inSingleEscape:
		e.inside = w.single(c)
	default:
		e.inside = w.double(c)
	}
	return e
}

// single reads a byte within single quotes. It says whether the byte belongs to the word.
func (w *words) single(c byte) bool {
	switch {
	case w.state == inSingleEscape && c == '\'':
		w.emit(c)
		w.state = inSingle
		return true
	case w.state == inSingleEscape:
		w.emit('\\')
	}
	w.state = inSingle
	switch c {
	case '\\':
		w.state = inSingleEscape
	case '\'':
		w.state = inBare
		return false
	default:
		w.emit(c)
	}
	return true
}

// double reads a byte within double quotes. It says whether the byte belongs to the word.
func (w *words) double(c byte) bool {
	switch w.state {
	case inDoubleEscape:
		w.state = inDouble
		if c == 'x' {
			w.state = inDoubleHex
			return true
		}
		w.emit(unescape(c))
		return true
	case inDoubleHex:
		if _, ok := nibble(c); ok {
			w.hex, w.state = c, inDoubleHex2
			return true
		}
		w.emit('x')
	case inDoubleHex2:
		high, _ := nibble(w.hex)
		if low, ok := nibble(c); ok {
			w.emit(high<<4 | low)
			w.state = inDouble
			return true
		}
		w.emit('x')
		w.emit(w.hex)
	}
	w.state = inDouble
	switch c {
	case '\\':
		w.state = inDoubleEscape
	case '"':
		w.state = inBare
		return false
	default:
		w.emit(c)
	}
	return true
}

func blank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' || c == 0 }

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func nibble(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
