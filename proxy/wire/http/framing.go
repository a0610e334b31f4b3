package http

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// framing is what a head says of where its message ends.
type framing struct {
	status  int // 0 for a request
	sized   bool
	length  uint64
	coded   bool // Transfer-Encoding
	chunked bool // its last coding
	expects bool // 100-continue
	http2   bool // an Upgrade to it
}

// interim says that another response to the same request follows.
func (f *framing) interim() bool { return f.status >= 100 && f.status < 200 && f.status != switching }

// switching is the status behind which another protocol is spoken.
const switching = 101

// take notes a field.
func (f *framing) take(name, value []byte) error {
	switch string(name) {
	case "content-length":
		for one := range strings.SplitSeq(string(value), ",") {
			n, err := strconv.ParseUint(strings.Trim(one, " \t"), 10, 62)
			if err != nil || f.sized && n != f.length {
				return fmt.Errorf("a Content-Length that is no number, or another one than before: %.40q", value)
			}
			f.sized, f.length = true, n
		}
	case "transfer-encoding":
		all := strings.Split(strings.ToLower(string(value)), ",")
		f.coded, f.chunked = true, strings.Trim(all[len(all)-1], " \t") == "chunked"
	case "expect":
		f.expects = strings.EqualFold(string(value), "100-continue")
	case "upgrade":
		f.http2 = f.http2 || strings.Contains(strings.ToLower(string(value)), "h2c")
	}
	return nil
}

// headEnd decides what follows a head (RFC 9112, 6.3).
func (p *parser) headEnd(v visitor) (whole bool, err error) {
	if p.tail {
		p.state = atStart
		return true, nil
	}
	if err := v.head(); err != nil {
		return false, err
	}
	f := &p.framing
	s := f.status
	switch {
	case s == switching, p.toConnect && s >= 200 && s < 300:
		p.state = inTunnel
		return true, nil
	case s >= 100 && s < 200, s == 204, s == 304, p.toHead && s > 0:
		p.state = atStart
		return true, nil
	case f.coded && f.chunked:
		p.state = atSize
	case f.coded && p.request:
		return false, errors.New("a request with a Transfer-Encoding that does not end with chunked")
	case f.sized && !f.coded && f.length > 0:
		p.state, p.left = inBody, f.length
	case f.sized && !f.coded, p.request:
		p.state = atStart
		return true, nil
	default:
		p.state = inRest
	}
	return false, nil
}

// content reads what there is of a body or a chunk.
func (p *parser) content(b []byte, v visitor) (n int, whole bool, err error) {
	if p.state == inRest || p.state == inTunnel {
		v.body(b)
		return len(b), false, nil
	}
	n = int(min(uint64(len(b)), p.left))
	v.body(b[:n])
	p.left -= uint64(n)
	return n, p.gone(), nil
}

// gone goes on behind a body or a chunk. It says whether the message is whole.
func (p *parser) gone() (whole bool) {
	switch {
	case p.left > 0:
		return false
	case p.state == inChunk:
		p.state = afterChunk
		return false
	}
	p.state = atStart
	return true
}

// sizeDigits is how many digits a chunk's size may have.
const sizeDigits = 15

// chunk reads a byte of what stands between chunks (RFC 9112, 7.1).
func (p *parser) chunk(c byte) error {
	switch p.state {
	case afterChunk:
		switch {
		case c == '\n':
			p.state, p.left, p.digits = atSize, 0, 0
		case c != '\r':
			return fmt.Errorf("a byte %q behind a chunk of the size that was told", c)
		}
		return nil
	case atSize:
		if d, ok := nibble(c); ok && p.digits < sizeDigits {
			p.left, p.digits = p.left<<4|uint64(d), p.digits+1
			return nil
		}
		if p.digits == 0 || c != ';' && c != '\r' && c != '\n' && c != ' ' && c != '\t' {
			return fmt.Errorf("a byte %q in the size of a chunk", c)
		}
		p.state, p.read = inSize, 0
	}
	if p.read++; p.read > headMax {
		return fmt.Errorf("more than %d bytes behind the size of a chunk", headMax)
	}
	if c != '\n' {
		return nil
	}
	if p.state = inChunk; p.left == 0 {
		p.state, p.tail, p.read = atLine, true, 0
	}
	return nil
}

// skip passes n bytes that nobody saw. It says whether that was possible: only within a body.
func (p *parser) skip(n uint64) (whole, ok bool) {
	switch {
	case n == 0, p.state == inRest, p.state == inTunnel:
		return false, true
	case p.state != inBody && p.state != inChunk, n > p.left:
		return false, false
	}
	p.left -= n
	whole = p.gone()
	p.begun = p.begun && !whole
	return whole, true
}

func nibble(c byte) (byte, bool) {
	switch {
	case digit(c):
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
