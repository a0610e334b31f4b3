package gate

import (
	"strconv"

	"github.com/lodoor/lodoor/proxy/flow"
)

// state is what of a connection's requests comes next.
type state uint8

const (
	atRequest  state = iota // a head, or empty lines before it
	inBody                  // what is left of a body with a length
	atChunk                 // the line with a chunk's size
	inChunk                 // what is left of a chunk
	afterChunk              // the line end behind a chunk
	atTrailer               // header lines behind the last chunk
	atUpgrade               // WebSocket frames or, if the service did not want them, another request
)

// httpGate follows the requests of a connection and judges the head of each. Heads are held until they are whole;
// bodies pass as they come.
type httpGate struct {
	guard *Guard
	port  uint16 // the front's
	state state
	left  uint64 // bytes of the body or the chunk
	head  head
	tail  fields // the trailer
}

// Inspect implements [flow.Gate].
func (g *httpGate) Inspect(held []byte, eof bool) flow.GateAnswer {
	pass := 0
	for pass < len(held) {
		b := held[pass:]
		if g.state == atUpgrade {
			if len(b) < 2 {
				break
			}
			if b[1]&0x80 != 0 { // a frame of a client is masked (RFC 6455, 5.1 and 5.2); no request has such a byte here
				return flow.GateAnswer{Done: true}
			}
			g.state = atRequest
		}
		n, o := g.step(b)
		if o != nil {
			return g.guard.refuse(o)
		}
		if n == 0 {
			break
		}
		pass += n
	}
	if eof && pass < len(held) {
		return g.guard.refuse(malformed("the client left within an HTTP request: %s", quoteRequest(held[pass:])))
	}
	return flow.GateAnswer{Pass: pass}
}

// step takes one part off the start of b. n is its length; 0 when more has to come.
func (g *httpGate) step(b []byte) (n int, o *objection) {
	switch g.state {
	case inBody, inChunk:
		return g.body(b), nil
	case atChunk:
		return g.chunk(b)
	case afterChunk:
		n, o = lineEnd(b)
		if n > 0 {
			g.state = atChunk
		}
		return n, o
	case atTrailer:
		n, o = g.tail.read(b, trailer)
		if n > 0 {
			g.end()
		}
		return n, o
	default:
		return g.request(b)
	}
}

// request reads and judges a head.
func (g *httpGate) request(b []byte) (n int, o *objection) {
	if !g.head.started && b[0] == '\r' { // servers skip empty lines before a request (RFC 9112, 2.2)
		return lineEnd(b)
	}
	n, o = g.head.read(b)
	if o == nil && n > 0 {
		o = g.head.judge(g.guard.names, g.port)
	}
	if o != nil || n == 0 {
		return 0, o
	}
	switch h := &g.head; {
	case h.chunked:
		g.state = atChunk
	case h.length > 0:
		g.state, g.left = inBody, h.length
	default:
		g.end()
	}
	return n, nil
}

// end makes ready for what follows a request.
func (g *httpGate) end() {
	g.state = atRequest
	if g.head.upgrade {
		g.state = atUpgrade
	}
	g.head, g.tail = head{}, fields{}
}

// body passes what is there of a body or a chunk.
func (g *httpGate) body(b []byte) int {
	n := min(g.left, uint64(len(b)))
	g.left -= n
	switch {
	case g.left > 0:
	case g.state == inChunk:
		g.state = afterChunk
	default:
		g.end()
	}
	return int(n)
}

// Bounds of the line with a chunk's size. The size's is that of a number that fits everywhere.
const (
	chunkLineMax  = 4 << 10
	chunkSizeBits = 60
)

// chunk reads the line with a chunk's size (RFC 9112, 7.1).
func (g *httpGate) chunk(b []byte) (n int, o *objection) {
	room := b[:min(len(b), chunkLineMax)]
	digits := span(room, hexadecimal)
	if digits < len(room) && (digits == 0 || room[digits] != ';' && room[digits] != '\r') || digits > chunkSizeBits/4 {
		return 0, malformed("a chunk of an HTTP body has no proper size: %s", quote(room[:min(digits, chunkSizeBits/4)+1]))
	}
	text, n, o := cutLine(room)
	switch {
	case o != nil:
		return 0, o
	case n == 0 && len(room) == chunkLineMax:
		return 0, malformed("more than %d bytes of chunk size and extensions", chunkLineMax)
	case n == 0:
		return 0, nil
	case span(text, plain) < len(text):
		return 0, malformed("a chunk's extension has a control character: %s", quoteField(text))
	}
	g.left, _ = strconv.ParseUint(string(text[:digits]), 16, 64) // chunkSizeBits of digits
	g.state = inChunk
	if g.left == 0 {
		g.state = atTrailer
	}
	return n, nil
}

// trailer judges a header line behind a body: none of those that say where a request ends and for whom it is may be
// there.
func trailer(name, value string) *objection {
	switch name {
	case "host", "origin", "content-length", "transfer-encoding", "upgrade", "expect":
		return malformed("%s behind a body: %s", name, quote(value))
	}
	return nil
}

// lineEnd takes CR LF off the start of b. n is 0 when it has to come yet.
func lineEnd(b []byte) (n int, o *objection) {
	switch {
	case b[0] != '\r':
		return 0, malformed("no CR LF where HTTP has one, but %s", quote(b[:1]))
	case len(b) == 1:
		return 0, nil
	case b[1] != '\n':
		return 0, malformed("no CR LF where HTTP has one, but %s", quote(b[:2]))
	}
	return 2, nil
}
