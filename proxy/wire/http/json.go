package http

// jsonCover overwrites in a JSON text, as it comes, the values of members whose names say that they are secrets: strings
// and numbers, and all those within when the value is an object or an array. What is no JSON is left as it is found.
type jsonCover struct {
	state  jsonState
	name   [nameMax]byte // of the string that is being read, in lower case; escapes are not decoded
	length int
	named  bool // the string was the name of a secret
	secret bool // the next value is one
	depth  int  // of open objects and arrays
	under  int  // the depth from which on all is secret, 0 for none
}

type jsonState uint8

const (
	jsonBetween jsonState = iota
	jsonString
	jsonEscape
)

func (c *jsonCover) mask(b []byte) {
	for i, ch := range b {
		b[i] = c.next(ch)
	}
}

// next is what is kept of the next byte.
func (c *jsonCover) next(ch byte) byte {
	if c.state != jsonBetween {
		return c.inString(ch)
	}
	hidden := c.secret || c.under > 0
	switch ch {
	case '"':
		c.state, c.length, c.named = jsonString, 0, false
	case ':':
		c.secret, c.named = c.secret || c.named, false
	case ',':
		c.secret, c.named = false, false
	case '{', '[':
		if c.depth++; c.secret && c.under == 0 {
			c.under = c.depth
		}
		c.secret = false
	case '}', ']':
		if c.depth == c.under {
			c.under = 0
		}
		c.depth, c.secret = max(0, c.depth-1), false
	default:
		if hidden && digit(ch) {
			return '0'
		}
	}
	return ch
}

// inString reads a byte of a string.
func (c *jsonCover) inString(ch byte) byte {
	switch {
	case c.state == jsonEscape:
		c.state = jsonString
	case ch == '\\':
		c.state = jsonEscape
	case ch == '"':
		c.state = jsonBetween
		c.named = c.length > len(c.name) || secretName(string(c.name[:c.length]))
		return ch
	}
	if c.length < len(c.name) {
		low := ch
		if 'A' <= low && low <= 'Z' {
			low += 'a' - 'A'
		}
		c.name[c.length] = low
	}
	c.length++
	if c.secret || c.under > 0 {
		return masked
	}
	return ch
}
