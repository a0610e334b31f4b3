package http

import (
	"errors"
	"fmt"
)

// headMax is how long a head, or what stands behind a chunked body, may be. Servers take 8 to 64 KiB.
const headMax = 64 << 10

// visitor is told what a parser reads. What it wants to know beside that it finds in the parser. The bytes are those on
// the wire, and may be overwritten.
type visitor interface {
	// target tells the next bytes of a request's target.
	target(b []byte)
	// value tells the next bytes of the value of the field named by the parser, without line ends.
	value(b []byte)
	// field tells that the value is whole.
	field()
	// head tells that the head is whole.
	head() error
	// body tells the next bytes of the body, without its framing.
	body(b []byte)
}

// parser reads one direction of a connection.
type parser struct {
	request bool
	// toHead and toConnect say of the request that the next response answers what decides about its body.
	toHead, toConnect bool
	keep              limits

	state state
	begun bool // a message has
	part  int  // of the start line
	read  int  // bytes of the head
	// parts are those of the start line: method, target, version, or version, status, reason.
	parts [3][]byte
	sizes [3]int

	name  []byte // of the field, in lower case
	long  bool   // it is longer than any that is known
	text  []byte // the beginning of its value
	valid bool   // a field is being read

	framing framing
	left    uint64 // bytes of the body or the chunk
	digits  int    // of the chunk's size
	tail    bool   // what is read stands behind a chunked body
}

// limits are how much is kept of what a visitor may want.
type limits struct {
	target, value int
	all           bool // of all values, not only of those that the package looks at
}

// state is what comes next.
type state uint8

const (
	atStart    state = iota // a message, or empty lines before it
	inStart                 // its first line
	atLine                  // the beginning of a field's line
	inName                  // a field's name
	inValue                 // and its value
	atHeadLF                // LF behind the CR of the empty line
	inBody                  // what is left of a body with a length
	inRest                  // a body that lasts until the connection ends
	atSize                  // a chunk's size
	inSize                  // what stands behind it
	inChunk                 // a chunk
	afterChunk              // its line end
	inTunnel                // another protocol, for good
)

// feed reads b up to the end of a message. n is how much of b it was; whole says that the message is.
func (p *parser) feed(b []byte, v visitor) (n int, whole bool, err error) {
	for n < len(b) && !whole && err == nil {
		var m int
		m, whole, err = p.step(b[n:], v)
		n += m
	}
	p.begun = p.begun && !whole
	return n, whole, err
}

// blank is how many bytes of empty lines stand ahead of a message.
func (p *parser) blank(b []byte) (n int) {
	for !p.begun && p.state == atStart && n < len(b) && (b[n] == '\r' || b[n] == '\n') {
		n++
	}
	return n
}

func (p *parser) step(b []byte, v visitor) (n int, whole bool, err error) {
	switch p.state {
	case inBody, inChunk, inRest, inTunnel:
		return p.content(b, v)
	case atSize, inSize, afterChunk:
		return 1, false, p.chunk(b[0])
	case inValue:
		n = p.valueBytes(b, v)
	default:
		n, whole, err = p.headByte(b, v)
	}
	if p.read += n; p.read > headMax && err == nil && p.state != atStart {
		err = fmt.Errorf("more than %d bytes of a head", headMax)
	}
	return n, whole, err
}

// headByte reads the next byte of a head.
func (p *parser) headByte(b []byte, v visitor) (n int, whole bool, err error) {
	c := b[0]
	switch p.state {
	case atStart:
		if c == '\r' || c == '\n' { // RFC 9112, 2.2
			return 1, false, nil
		}
		p.begin()
		return 1, false, p.startByte(b[:1], v)
	case inStart:
		return 1, false, p.startByte(b[:1], v)
	case atLine:
		return p.lineByte(b[:1], v)
	case inName:
		return 1, false, p.nameByte(c)
	default: // atHeadLF
		if c != '\n' {
			return 1, false, fmt.Errorf("a byte %q in place of the line feed of an empty line", c)
		}
		whole, err = p.headEnd(v)
		return 1, whole, err
	}
}

func (p *parser) begin() {
	*p = parser{
		request: p.request, toHead: p.toHead, toConnect: p.toConnect, keep: p.keep, begun: true, state: inStart,
		parts: [3][]byte{p.parts[0][:0], p.parts[1][:0], p.parts[2][:0]}, name: p.name[:0], text: p.text[:0],
	}
}

// Bounds of the parts of a start line but for the target.
const (
	methodMax = 32
	reasonMax = 128
)

// startByte reads a byte of the first line.
func (p *parser) startByte(b []byte, v visitor) error {
	switch c := b[0]; {
	case c == '\n':
		p.state = atLine
		return p.startLine()
	case c == '\r':
		return nil
	case c == ' ' && p.part < 2:
		p.part++
		return nil
	case c < ' ' && c != '\t':
		return fmt.Errorf("a byte %q in the first line", c)
	}
	most := reasonMax
	switch {
	case p.request && p.part == 1:
		most = p.keep.target
		v.target(b)
	case p.part == 0:
		most = methodMax
	}
	if p.sizes[p.part]++; len(p.parts[p.part]) < most {
		p.parts[p.part] = append(p.parts[p.part], b[0])
	}
	return nil
}

// startLine judges the first line.
func (p *parser) startLine() error {
	version := p.parts[0]
	if p.request {
		version = p.parts[2]
	}
	if string(version) == "HTTP/2.0" {
		return errors.New("HTTP/2, which is not read")
	}
	if len(version) != len("HTTP/1.1") || string(version[:7]) != "HTTP/1." || p.sizes[0] == 0 || p.sizes[1] == 0 {
		return fmt.Errorf("no first line of HTTP/1: %.40q", p.parts[0])
	}
	if p.request {
		return nil
	}
	s := p.parts[1]
	if len(s) != 3 || s[0] < '1' || s[0] > '9' || !digit(s[1]) || !digit(s[2]) {
		return fmt.Errorf("a status that is none: %.10q", s)
	}
	p.framing.status = int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0')
	return nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
