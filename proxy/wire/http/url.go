package http

// urlCover overwrites the secrets in a URL, or in a form, as it comes: the values of parameters whose names say so, and
// who is logged in ahead of a host. Since it is known only behind it whether there is somebody, the whole authority of
// an absolute URL is overwritten.
type urlCover struct {
	values bool // all values are secrets
	state  urlState
	name   [nameMax]byte // of the parameter, decoded, in lower case
	length int
	escape escape
	before [2]byte
}

type urlState uint8

const (
	inPath urlState = iota
	inAuthority
	inParameter // a parameter's name
	inOpenValue
	inSecretValue
)

func (c *urlCover) start(values bool) { *c = urlCover{values: values} }

// form begins with the name of a parameter.
func (c *urlCover) form(values bool) { *c = urlCover{values: values, state: inParameter} }

func (c *urlCover) mask(b []byte) {
	for i, ch := range b {
		b[i] = c.next(ch)
	}
}

// next is what is kept of the next byte.
func (c *urlCover) next(ch byte) byte {
	before := c.before
	c.before = [2]byte{before[1], ch}
	switch c.state {
	case inAuthority:
		return c.authority(ch)
	case inSecretValue:
		if ch == '&' || ch == ' ' || ch == '#' && !c.values {
			c.parameter()
			return ch
		}
		return masked
	}
	if ch == '/' && before == [2]byte{':', '/'} {
		c.state = inAuthority
		return ch
	}
	decoded, ok := c.escape.next(ch)
	if !ok {
		return ch
	}
	switch {
	case decoded == '?', decoded == '&', decoded == ';', decoded == '#':
		c.parameter()
	case c.state != inParameter:
	case decoded == '=':
		c.state = inOpenValue
		if c.values || c.length > len(c.name) || secretName(string(c.name[:min(c.length, len(c.name))])) {
			c.state = inSecretValue
		}
	default:
		c.spell(decoded)
	}
	return ch
}

func (c *urlCover) parameter() { c.state, c.length, c.escape = inParameter, 0, escape{} }

// spell takes a byte of a parameter's name.
func (c *urlCover) spell(b byte) {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	if b == ' ' && c.length == 0 { // behind a semicolon
		return
	}
	if c.length < len(c.name) {
		c.name[c.length] = b
	}
	c.length++
}

func (c *urlCover) authority(ch byte) byte {
	switch ch {
	case '/', ' ', '"', '>', ',', '\\':
		c.state, c.escape = inPath, escape{}
		return ch
	case '?', '#':
		c.parameter()
		return ch
	case ':', '.', '@', '[', ']', '-':
		return ch
	}
	if digit(ch) {
		return '0'
	}
	return masked
}

// escape decodes %HH as it comes.
type escape struct {
	digits int // of the escape that is being read, 0 for none
	high   byte
}

// next is the byte that ch is, or ends; ok is false within an escape.
func (e *escape) next(ch byte) (b byte, ok bool) {
	d, hex := nibble(ch)
	switch {
	case e.digits == 1 && hex:
		e.digits, e.high = 2, d
		return 0, false
	case e.digits == 2 && hex:
		e.digits = 0
		return e.high<<4 | d, true
	case ch == '%':
		e.digits = 1
		return 0, false
	}
	e.digits = 0
	return ch, true
}
