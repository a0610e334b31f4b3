package http

import (
	"bytes"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/hello"
)

// Redactor overwrites the secrets of one connection in a recording. Lengths stay, and so does the framing.
//
// With Authentication these are the values of Authorization, Cookie and Set-Cookie and of all fields whose names speak of
// authentication, tokens, keys or sessions (the word that names the scheme stays); the authority of absolute targets; the
// values of parameters of such names in targets, in the URLs of other fields, in bodies that are forms, and in JSON. It
// does not see into bodies that are compressed or of other types. With Parameters all values of a query, and the bodies
// of requests; with Rows the bodies of responses. What follows a change of protocol (101, CONNECT) is kept as it is with
// Authentication alone, and not at all otherwise; that of HTTP/2 (h2c) never is, since its fields cannot be read.
type Redactor struct {
	c      flow.Redaction
	lost   bool
	hello  hello.Hello
	client parser
	server parser
	queue  queue
	asked  cover
	told   cover
	answer *exchange
}

// NewRedactor makes one for a new connection.
func NewRedactor(c flow.Redaction) *Redactor {
	r := &Redactor{c: c}
	r.client = parser{request: true, keep: limits{target: 1, value: valueMax}}
	r.server.keep = limits{value: valueMax}
	r.asked = cover{parser: &r.client, authentication: c.Authentication, values: c.Parameters, bodies: c.Parameters}
	r.told = cover{parser: &r.server, authentication: c.Authentication, bodies: c.Rows}
	return r
}

// Redact overwrites what must not be kept of the next bytes of a direction. It says false when it does not know any more
// what they are; nothing more of the session may be kept then, b included.
func (r *Redactor) Redact(dir flow.Direction, b []byte) bool {
	for len(b) > 0 && !r.lost && !r.hello.Found() {
		n, ok := 0, false
		if dir == flow.FromClient {
			n, ok = r.ask(b)
		} else {
			n, ok = r.tell(b)
		}
		r.lost = !ok
		b = b[n:]
	}
	return !r.lost
}

// Skip tells n bytes of a direction that are not kept. It says false when what follows cannot be redacted.
func (r *Redactor) Skip(dir flow.Direction, n uint64) bool {
	if r.lost || r.hello.Found() {
		return !r.lost
	}
	p, c := &r.server, &r.told
	if dir == flow.FromClient {
		p, c = &r.client, &r.asked
	}
	whole, ok := p.skip(n)
	if r.lost = !ok; r.lost {
		return false
	}
	c.skipped()
	if dir == flow.FromClient {
		r.requested(n > 0, whole)
	} else {
		r.responded(whole)
	}
	return true
}

// Answered tells that lodoor answered the client's last bytes itself. reply stays as it is.
func (r *Redactor) Answered(_ uint64, reply []byte) {
	r.Redact(flow.FromBackend, bytes.Clone(reply))
}

// ask reads what there is of a request.
func (r *Redactor) ask(b []byte) (n int, ok bool) {
	if r.queue.ready() != nil {
		return 0, false
	}
	if !r.client.begun {
		if taken, err := r.hello.Read(b[0]); taken || err != nil {
			return 1, err == nil
		}
		r.asked.start()
	}
	n, whole, err := r.client.feed(b, (*requesting)(r))
	if err != nil {
		return n, false
	}
	r.requested(false, whole)
	return n, true
}

// requested goes on behind bytes of a request.
func (r *Redactor) requested(body, whole bool) {
	x := r.queue.asking
	if x == nil {
		return
	}
	x.started = x.started || body
	if whole {
		x.asked = true
		r.queue.asking = nil
		r.forget()
	}
}

func (r *Redactor) forget() {
	for r.queue.over() != nil {
		continue
	}
}

// tell reads what there is of a response.
func (r *Redactor) tell(b []byte) (n int, ok bool) {
	if !r.server.begun {
		r.told.start()
		r.answer = r.queue.answer(&r.server)
	}
	n, whole, err := r.server.feed(b, &r.told)
	if err != nil {
		return n, false
	}
	return n, r.responded(whole)
}

// responded goes on behind bytes of a response.
func (r *Redactor) responded(whole bool) bool {
	if !whole || r.server.framing.interim() {
		return true
	}
	if x := r.answer; x != nil {
		r.queue.responded(x)
		r.forget()
	}
	r.answer = nil
	if r.server.state == inTunnel {
		r.client.state, r.client.begun = inTunnel, true
		return !r.c.Parameters && !r.c.Rows && (!r.c.Authentication || !r.server.framing.http2)
	}
	return true
}

// requesting is a redactor that is told of a request.
type requesting Redactor

func (r *requesting) target(b []byte) { r.asked.target(b) }
func (r *requesting) value(b []byte)  { r.asked.value(b) }
func (r *requesting) field()          { r.asked.field() }

func (r *requesting) head() error {
	if _, err := r.queue.ask(&r.client); err != nil {
		return err
	}
	return r.asked.head()
}

func (r *requesting) body(b []byte) {
	if r.queue.asking != nil {
		r.queue.asking.started = true
	}
	r.asked.body(b)
}
