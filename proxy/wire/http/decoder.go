package http

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/hello"
)

// Config is what a decoder is for.
type Config struct {
	// Emit takes an operation that is over; it is called within the decoder's methods.
	Emit func(*flow.Operation)
	// Statements is how much of a target is told. As a fingerprint it is the path with a question mark for each number and
	// what looks like an identifier or a token, and the names of the query. As text credentials are overwritten.
	Statements flow.Statements
}

// Decoder tells the operations of one connection. One goroutine at a time may call it.
//
// Every request is an operation, in the order of requests. Its bytes are those of both messages with their heads, those
// of interim responses included; FirstByte is the final response's. Behind status 101, and 2xx to CONNECT, another
// protocol is spoken: the operation is of kind upgrade, and nothing is read after it.
type Decoder struct {
	c      Config
	err    error
	hello  hello.Hello
	tunnel bool
	client parser
	server parser
	queue  queue

	started, answered time.Time // the first byte of the request, and of the response
	sent              uint64    // bytes of the request
	answering         *exchange
	agent, auth       string
}

// New makes a decoder for a new connection.
func New(c Config) *Decoder {
	d := &Decoder{c: c}
	d.client = parser{request: true, keep: limits{target: flow.OperationTextMax, value: valueMax}}
	d.server.keep = limits{value: valueMax}
	return d
}

// valueMax is how much of a field's value is looked at.
const valueMax = 256

// Encrypted says that the client speaks TLS.
func (d *Decoder) Encrypted() bool { return d.hello.Found() }

// Data reads the next bytes of a direction. The error says what is not HTTP/1 about them; nothing is read after it.
func (d *Decoder) Data(dir flow.Direction, at time.Time, b []byte) error {
	for len(b) > 0 && d.err == nil && !d.Encrypted() && !d.tunnel {
		var n int
		n, d.err = d.next(dir, at, b)
		b = b[n:]
	}
	return d.err
}

// next reads what there is of what comes next in a direction.
func (d *Decoder) next(dir flow.Direction, at time.Time, b []byte) (n int, err error) {
	if dir == flow.FromClient {
		switch taken, err := d.hello.Read(b[0]); {
		case err != nil:
			return 1, fmt.Errorf("http: %w", err)
		case taken:
			return 1, nil
		}
	}
	if n := d.half(dir).blank(b); n > 0 {
		return n, nil
	}
	if dir == flow.FromClient {
		return d.ask(at, b)
	}
	return d.tell(at, b)
}

func (d *Decoder) half(dir flow.Direction) *parser {
	if dir == flow.FromClient {
		return &d.client
	}
	return &d.server
}

// Skipped tells n bytes of a direction that nobody saw. It is an error unless they are within a body.
func (d *Decoder) Skipped(dir flow.Direction, at time.Time, n uint64) error {
	if d.err != nil || d.Encrypted() || d.tunnel {
		return d.err
	}
	whole, ok := d.half(dir).skip(n)
	switch {
	case n == 0:
	case !ok:
		d.err = fmt.Errorf("http: %d bytes %s passed unseen, and where the next message begins is not known", n, dir)
	case dir == flow.FromClient:
		d.asked(at, n, whole)
	default:
		d.told(at, n, whole)
	}
	return d.err
}

// Answered tells that lodoor answered the client's last bytes itself: the client takes it for the server's response.
func (d *Decoder) Answered(at time.Time, _ uint64, reply []byte) error {
	return d.Data(flow.FromBackend, at, reply)
}

// End tells the operations that are not over. A response that lasts until the connection ends is whole by it.
func (d *Decoder) End(time.Time) {
	if x := d.answering; x != nil && d.server.state == inRest && d.server.begun {
		x.answered = true
	}
	if p := &d.client; p.begun && d.queue.asking == nil && p.state != inStart {
		_ = (*asker)(d).head() // too many wait: then this one is not told either
	}
	for _, x := range d.queue.waiting {
		x.op.Unfinished = !x.answered || !x.asked
		d.emit(x.op)
	}
	d.queue.waiting, d.queue.asking, d.answering = nil, nil, nil
}

func (d *Decoder) emit(op *flow.Operation) {
	if d.c.Emit != nil {
		d.c.Emit(op)
	}
}

// ask reads what there is of a request.
func (d *Decoder) ask(at time.Time, b []byte) (n int, err error) {
	if err := d.queue.ready(); err != nil {
		return 0, fmt.Errorf("http: %w", err)
	}
	if !d.client.begun {
		d.started, d.sent, d.agent, d.auth = at, 0, "", ""
	}
	n, whole, err := d.client.feed(b, (*asker)(d))
	d.asked(at, uint64(n), whole)
	if err != nil {
		err = fmt.Errorf("http: in a request: %w", err)
	}
	return n, err
}

// asked counts bytes of a request.
func (d *Decoder) asked(at time.Time, n uint64, whole bool) {
	d.sent += n
	x := d.queue.asking
	if x == nil {
		return
	}
	x.op.FromClient, x.op.Asked = d.sent, at.Sub(x.op.Started)
	if whole {
		x.asked = true
		d.queue.asking = nil
		d.flush()
	}
}

// flush tells what is over.
func (d *Decoder) flush() {
	for x := d.queue.over(); x != nil; x = d.queue.over() {
		d.emit(x.op)
	}
}

// tell reads what there is of a response.
func (d *Decoder) tell(at time.Time, b []byte) (n int, err error) {
	if !d.server.begun {
		if d.answering = d.queue.answer(&d.server); d.answering == nil {
			d.answering = d.unasked(at)
		}
		d.answered = at
	}
	n, whole, err := d.server.feed(b, (*teller)(d))
	d.told(at, uint64(n), whole)
	if err != nil {
		err = fmt.Errorf("http: in a response: %w", err)
	}
	return n, err
}

// unasked is the exchange of a response that nobody asked for: a server that closes a connection may say why.
func (d *Decoder) unasked(at time.Time) *exchange {
	return &exchange{asked: true, op: &flow.Operation{Protocol: "http", Kind: "notification", Rows: -1, Started: at}}
}

// told counts bytes of a response.
func (d *Decoder) told(at time.Time, n uint64, whole bool) {
	x := d.answering
	x.op.FromBackend += n
	if x.op.Status == "" { // so far only interim responses
		return
	}
	x.op.LastByte = at.Sub(x.op.Started)
	if !whole {
		return
	}
	d.answering = nil
	d.tunnel = d.server.state == inTunnel
	d.queue.responded(x)
	if x.op.Kind == "notification" {
		d.emit(x.op)
	}
	d.flush()
}
