package gate

// scan is how far bytes are an HTTP request line.
type scan uint8

const (
	partial scan = iota // the beginning of one
	never               // none, whatever follows
	whole               // one, up to its line end
)

// line is an HTTP request line (RFC 9112, 3).
type line struct {
	method, target []byte
	major, minor   byte // digits of the version
	// end is the index of the first byte behind the version; where there is never a version, of the byte that says so.
	end int
}

// scanLine reads METHOD SP TARGET SP HTTP/DIGIT.DIGIT at the start of b, byte after byte, so that its answer never
// depends on what has come behind the byte that decides.
func scanLine(b []byte) (l line, s scan) {
	l.end = span(b, token)
	if s := space(b, l.end, 0); s != whole {
		return l, s
	}
	l.method = b[:l.end]
	start := l.end + 1
	l.end = start + span(b[start:], visible)
	if s := space(b, l.end, start); s != whole {
		return l, s
	}
	l.target = b[start:l.end]
	const version = " HTTP/0.0"
	for _, want := range []byte(version) {
		switch {
		case l.end == len(b):
			return l, partial
		case b[l.end] != want && (want != '0' || !digit(b[l.end])):
			return l, never
		}
		l.end++
	}
	l.major, l.minor = b[l.end-3], b[l.end-1]
	return l, whole
}

// space says whether the word of b from start to end is one, and a space behind it.
func space(b []byte, end, start int) scan {
	switch {
	case end == len(b):
		return partial
	case end == start || b[end] != ' ':
		return never
	}
	return whole
}

// span is how many bytes at the start of b are of a kind.
func span(b []byte, kind func(byte) bool) int {
	for i, c := range b {
		if !kind(c) {
			return i
		}
	}
	return len(b)
}

// token says whether c may be in a method or in a header's name (RFC 9110, 5.6.2).
func token(c byte) bool {
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// visible says whether c may be in a target. Bytes that are not ASCII may not, but some clients send them.
func visible(c byte) bool { return c > ' ' && c != 0x7f }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexadecimal(c byte) bool { return digit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// plain says whether c may be in a header's value: no control character is but the tab (RFC 9110, 5.5).
func plain(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }
