package http

import (
	"bytes"
	"mime"
	"strings"
)

// partsCover overwrites in a form of several parts (multipart/form-data, RFC 7578), as it comes, the contents of those
// whose names say that they are secrets. The heads of the parts stay, and so do the lines between them; a content that
// has the beginning of such a line in it keeps that.
type partsCover struct {
	delimiter string // CR LF, two hyphens and the boundary (RFC 2046, 5.1.1)
	matched   int    // bytes of it
	state     partsState
	line      [partLineMax]byte // of a part's head, its beginning
	length    int
	hidden    bool // the content of the part is a secret
}

// partLineMax is how much of a line of a part's head is looked at. What is longer may name a secret.
const partLineMax = 256

type partsState uint8

const (
	inContent   partsState = iota // of a part, or what stands before the first one
	inDelimiter                   // behind the boundary
	inPartHead
)

// start makes ready for a body of a type; false says that the type does not tell how its parts are divided.
func (c *partsCover) start(contentType []byte) bool {
	_, parameters, err := mime.ParseMediaType(string(contentType))
	boundary := parameters["boundary"]
	*c = partsCover{delimiter: "\r\n--" + boundary, matched: len("\r\n")}
	return err == nil && boundary != "" && strings.IndexByte(boundary, '\r') < 0
}

func (c *partsCover) mask(b []byte) {
	for i, ch := range b {
		b[i] = c.next(ch)
	}
}

// next is what is kept of the next byte.
func (c *partsCover) next(ch byte) byte {
	switch c.state {
	case inDelimiter:
		if ch == '\n' {
			c.state, c.length, c.hidden = inPartHead, 0, false
		}
		return ch
	case inPartHead:
		c.head(ch)
		return ch
	}
	switch ch {
	case c.delimiter[c.matched]:
		c.matched++
	case c.delimiter[0]:
		c.matched = 1
	default:
		c.matched = 0
	}
	switch {
	case c.matched == len(c.delimiter):
		c.state = inDelimiter
	case c.matched == 0 && c.hidden:
		return masked
	}
	return ch
}

// head reads a byte of a part's head.
func (c *partsCover) head(ch byte) {
	if ch != '\n' {
		if c.length < len(c.line) {
			c.line[c.length] = ch
		}
		c.length++
		return
	}
	line := bytes.TrimRight(c.line[:min(c.length, len(c.line))], "\r")
	if len(line) == 0 {
		c.state, c.matched = inContent, 0
		return
	}
	c.hidden = c.hidden || c.length > len(c.line) || secretName(partName(line))
	c.length = 0
}

// partName is the name of a part that a line of its head tells, in lower case; empty when it tells none.
func partName(line []byte) string {
	for parameter := range strings.SplitSeq(strings.ToLower(string(line)), ";") {
		if name, value, _ := strings.Cut(strings.Trim(parameter, " \t"), "="); name == "name" {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}
