package gate

import (
	"bytes"
	"strings"
)

// headMax is how long the head of a request, or the trailer of its body, may be.
const headMax = 32 << 10

// fields reads header lines up to the empty line behind them, as they come.
type fields struct {
	next int // where the line begins that has not been read
}

// read takes the lines that are there. b begins at the same byte at every call. n is the index behind the empty line;
// 0 when that has to come yet.
func (f *fields) read(b []byte, take func(name, value string) *objection) (n int, o *objection) {
	room := b[:min(len(b), headMax)]
	for {
		text, n, o := cutLine(room[f.next:])
		switch {
		case o != nil:
			return 0, o
		case n == 0 && len(room) == headMax:
			return 0, malformed("more than %d bytes of HTTP headers", headMax)
		case n == 0:
			return 0, nil
		}
		f.next += n
		if len(text) == 0 {
			return f.next, nil
		}
		name, value, o := parseField(text)
		if o == nil {
			o = take(name, value)
		}
		if o != nil {
			return 0, o
		}
	}
}

// cutLine takes a line off the start of b. n is its length with its end; 0 when its end has to come yet.
func cutLine(b []byte) (text []byte, n int, o *objection) {
	i := bytes.IndexByte(b, '\n')
	switch {
	case i < 0:
		return nil, 0, nil
	case i == 0 || b[i-1] != '\r':
		return nil, 0, malformed("an HTTP line ends with LF alone: %s", quoteField(b[:i+1]))
	}
	return b[:i-1], i + 1, nil
}

// parseField reads NAME: VALUE. What RFC 9112 (5) lets a reader repair is refused, since readers repair it differently.
func parseField(text []byte) (name, value string, o *objection) {
	n, v, ok := bytes.Cut(text, []byte(":"))
	switch {
	case text[0] == ' ' || text[0] == '\t':
		return "", "", malformed("a folded HTTP header line: %s", quoteField(text))
	case !ok || len(n) == 0:
		return "", "", malformed("an HTTP header line without a name: %s", quoteField(text))
	case span(n, token) < len(n):
		return "", "", malformed("an HTTP header's name has a byte that no name has: %s", quoteField(text))
	case span(v, plain) < len(v):
		return "", "", malformed("an HTTP header's value has a control character: %s", quoteField(text))
	}
	return strings.ToLower(string(n)), string(bytes.Trim(v, " \t")), nil
}
