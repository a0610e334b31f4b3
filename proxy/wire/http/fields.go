package http

import "fmt"

// nameMax is how much of a field's name is looked at. What is longer is taken for a secret.
const nameMax = 64

// lineByte reads the first byte of a line of a head.
func (p *parser) lineByte(b []byte, v visitor) (n int, whole bool, err error) {
	c := b[0]
	if (c == ' ' || c == '\t') && p.valid { // the value goes on (RFC 9112, 5.2)
		p.state = inValue
		p.take(b, v)
		return 1, false, nil
	}
	if err := p.finish(v); err != nil {
		return 1, false, err
	}
	switch c {
	case '\r':
		p.state = atHeadLF
		return 1, false, nil
	case '\n':
		whole, err = p.headEnd(v)
		return 1, whole, err
	}
	p.name, p.long, p.text, p.valid = p.name[:0], false, p.text[:0], true
	p.state = inName
	return 1, false, p.nameByte(c)
}

// finish ends the field that was read.
func (p *parser) finish(v visitor) error {
	if !p.valid {
		return nil
	}
	p.valid = false
	p.text = trim(p.text)
	if !p.tail {
		if err := p.framing.take(p.name, p.text); err != nil {
			return err
		}
	}
	v.field()
	return nil
}

// nameByte reads a byte of a name. A line without a colon is a name without a value.
func (p *parser) nameByte(c byte) error {
	switch {
	case c == ':':
		p.state = inValue
	case c == '\n':
		p.state = atLine
	case c == '\r', c == ' ', c == '\t': // some readers take the name without them
	case c < ' ':
		return fmt.Errorf("a byte %q in the name of a field", c)
	case len(p.name) == nameMax:
		p.long = true
	default:
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		p.name = append(p.name, c)
	}
	return nil
}

// valueBytes reads what there is of a line's value.
func (p *parser) valueBytes(b []byte, v visitor) int {
	for i, c := range b {
		switch c {
		case '\n':
			p.state = atLine
			p.take(b[:i], v)
			return i + 1
		case '\r':
			p.take(b[:i], v)
			return i + 1
		}
	}
	p.take(b, v)
	return len(b)
}

// take tells bytes of a value, and keeps the first ones.
func (p *parser) take(b []byte, v visitor) {
	if len(b) == 0 {
		return
	}
	if room := p.keep.value - len(p.text); room > 0 && (p.keep.all || wanted(p.name)) {
		p.text = append(p.text, b[:min(room, len(b))]...)
	}
	v.value(b)
}

// wanted says whether the value of a field is looked at.
func wanted(name []byte) bool {
	switch string(name) {
	case "content-length", "transfer-encoding", "upgrade", "expect", "user-agent", "authorization", "content-type":
		return true
	}
	return false
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
