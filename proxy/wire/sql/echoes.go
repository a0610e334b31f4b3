package sql

import "bytes"

// EchoMax is how many bytes of a secret are remembered, at most.
const EchoMax = 256

const echoesMax = 32

// Echoes overwrites secrets in what a server says about the statement that held them. It remembers a few, and when there
// were more, or a long one, it overwrites everything. The zero value remembers none.
type Echoes struct {
	list []echo
	all  bool
}

// echo finds one secret as Knuth, Morris and Pratt do.
type echo struct {
	text  []byte
	back  []uint16 // how much of the text is still matched when the byte behind so many does not match
	state int
}

// Remember remembers a secret as Masker.Found tells it, what it means, and the parts between its spaces and marks: a list
// of settings, a URL, a comment has the secret itself among them.
func (e *Echoes) Remember(literal []byte) {
	literal = bytes.TrimRight(literal, "'\"`$")
	e.remember(literal)
	for _, quote := range []string{"'", `"`} {
		e.remember(bytes.ReplaceAll(literal, []byte(quote+quote), []byte(quote)))
	}
	e.remember(unescaped(literal))
	e.remember(bytes.TrimPrefix(bytes.TrimPrefix(literal, []byte("0x")), []byte("0X")))
	for _, part := range bytes.FieldsFunc(literal, isDivider) {
		e.remember(part)
	}
}

func isDivider(r rune) bool {
	return r < 0x80 && bytes.IndexByte([]byte(" \t\r\n='\"@:/?&,;\\()$`"), byte(r)) >= 0
}

// unescaped is a literal without its backslashes.
func unescaped(literal []byte) []byte {
	out := make([]byte, 0, len(literal))
	for i := 0; i < len(literal); i++ {
		if literal[i] == '\\' && i+1 < len(literal) {
			i++
		}
		out = append(out, literal[i])
	}
	return out
}

// remember passes over what is shorter than any password: too much would look like it.
func (e *Echoes) remember(text []byte) {
	const shortest = 3
	if len(text) < shortest || e.all {
		return
	}
	for i := range e.list {
		if bytes.Equal(e.list[i].text, text) {
			return
		}
	}
	if len(text) >= EchoMax || len(e.list) == echoesMax {
		*e = Echoes{all: true}
		return
	}
	e.list = append(e.list, newEcho(bytes.Clone(text)))
}

func newEcho(text []byte) echo {
	back := make([]uint16, len(text)+1)
	for i, k := 1, 0; i < len(text); i++ {
		for k > 0 && text[i] != text[k] {
			k = int(back[k])
		}
		if text[i] == text[k] {
			k++
		}
		back[i+1] = uint16(k)
	}
	return echo{text: text, back: back}
}

// step takes the next byte and says whether it is part of the secret, or of what began as the secret does.
func (e *echo) step(c byte) bool {
	if e.state == len(e.text) {
		e.state = int(e.back[e.state])
	}
	for e.state > 0 && e.text[e.state] != c {
		e.state = int(e.back[e.state])
	}
	if e.text[e.state] == c {
		e.state++
	}
	return e.state > 0
}

// Empty says whether there is nothing to overwrite.
func (e *Echoes) Empty() bool { return !e.all && len(e.list) == 0 }

// Begin says that a new text begins with the next byte.
func (e *Echoes) Begin() {
	for i := range e.list {
		e.list[i].state = 0
	}
}

// Mask overwrites, in the next bytes of the text, what is part of a remembered secret or looks as if one could begin
// there. How the text is cut into pieces makes no difference.
func (e *Echoes) Mask(b []byte) {
	for i, c := range b {
		secret := e.all
		for k := range e.list {
			secret = e.list[k].step(c) || secret
		}
		if secret {
			b[i] = 'x'
		}
	}
}
