package redis

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
	// Statements is how much of a command is told. As a fingerprint it is the command's name and a question mark for each
	// argument, keys included: they mostly are somebody's number, and operations that differ in them are alike.
	Statements flow.Statements
}

// Decoder tells the operations of one connection. One goroutine at a time may call it.
//
// Every command is an operation, in the order of their answers. Rows are the elements of a list, the pairs of a map, 1 for a
// value and 0 for none; -1 for a status (+OK) and an error. A command behind MULTI is over when it was queued; what
// EXEC's list says of errors is told of EXEC. The kinds are login (AUTH, HELLO with AUTH), subscribe, notification (a
// message that nobody asked for; of MONITOR each line), and replication (SYNC, PSYNC), behind which nothing is read.
type Decoder struct {
	c      Config
	err    error
	hello  hello.Hello
	raw    bool // a replica's stream
	client lexer
	server lexer
	talk   talk
	forms  forms
	asking question
	reply  reply

	started, answered time.Time // the first byte of the command, and of the answer
	sent, told        uint64    // bytes of them
}

// New makes a decoder for a new connection.
func New(c Config) *Decoder {
	d := &Decoder{c: c, talk: newTalk(), client: lexer{client: true}}
	d.asking = question{judge: judge{authentication: true}, lexer: &d.client, whole: c.Statements == flow.StatementsText}
	return d
}

// Encrypted says that the client speaks TLS.
func (d *Decoder) Encrypted() bool { return d.hello.Found() }

// Data reads the next bytes of a direction. The error says what is not Redis about them; nothing is read after it.
func (d *Decoder) Data(dir flow.Direction, at time.Time, b []byte) error {
	for len(b) > 0 && d.err == nil && !d.raw && !d.Encrypted() {
		var n int
		if dir == flow.FromClient {
			n, d.err = d.ask(at, b)
		} else {
			n, d.err = d.tell(at, b)
		}
		b = b[n:]
	}
	return d.err
}

// Skipped tells n bytes of a direction that nobody saw. It is an error unless they are within one string.
func (d *Decoder) Skipped(dir flow.Direction, _ time.Time, n uint64) error {
	if d.err != nil || d.raw || d.Encrypted() {
		return d.err
	}
	l, count := &d.server, &d.told
	if dir == flow.FromClient {
		l, count = &d.client, &d.sent
		d.asking.missed()
	}
	*count += n
	if !l.skip(n) {
		d.err = fmt.Errorf("redis: %d bytes %s passed unseen, and where the next message begins is not known", n, side(dir))
	}
	return d.err
}

// Answered tells that lodoor answered the client's last bytes itself: the client takes it for the server's answer.
func (d *Decoder) Answered(at time.Time, _ uint64, reply []byte) error {
	return d.Data(flow.FromBackend, at, reply)
}

// End tells the operations that are not over.
func (d *Decoder) End(at time.Time) {
	for h := d.talk.head(); h != nil; h = d.talk.head() {
		h.count = 1
		h.op.Unfinished = !h.silent
		d.emit(h.op)
		d.talk.pop()
	}
	if d.asking.args > 0 && !d.client.between() {
		op := d.operation(at)
		op.Unfinished = true
		d.emit(op)
		d.asking.restart()
	}
}

func (d *Decoder) emit(op *flow.Operation) {
	if d.c.Emit != nil {
		d.c.Emit(op)
	}
}

// ask reads what there is of a command.
func (d *Decoder) ask(at time.Time, b []byte) (n int, err error) {
	if d.client.between() {
		switch taken, err := d.hello.Read(b[0]); {
		case err != nil:
			return 1, fmt.Errorf("redis: %w", err)
		case taken:
			return 1, nil
		}
		d.started, d.sent = at, 0
		d.asking.restart()
	}
	n, whole, err := d.client.feed(b, &d.asking)
	d.sent += uint64(n)
	if err != nil {
		return n, fmt.Errorf("redis: in a command of the client: %w", err)
	}
	if !whole || d.asking.args == 0 {
		return n, nil
	}
	a, counted, err := d.talk.ask(&d.asking.request)
	if err != nil {
		return n, fmt.Errorf("redis: %w", err)
	}
	if counted {
		d.count(a.op, at)
		return n, nil
	}
	d.talk.operate(a, d.operation(at))
	m := d.asking.masksOf(false)
	if d.asking.verb == verbScript {
		m |= maskErrors
	}
	d.talk.cover(a, a.verb, m)
	d.silent()
	return n, nil
}

// operation is what is told of the command that was read last.
func (d *Decoder) operation(at time.Time) *flow.Operation {
	q := &d.asking
	f := d.forms.find(q)
	op := &flow.Operation{
		Protocol: "redis", System: "redis", Name: f.name, Kind: q.kind(), Rows: -1,
		FromClient: d.sent, Started: d.started, Asked: at.Sub(d.started),
	}
	switch d.c.Statements {
	case flow.StatementsText:
		op.Text, op.Cut, op.Fingerprint = string(q.text), q.cut, f.fingerprint
	case flow.StatementsFingerprint:
		op.Text, op.Fingerprint = f.text, f.fingerprint
	}
	d.describe(op)
	return op
}

// count adds the command that was read last to an operation that stands for many.
func (d *Decoder) count(op *flow.Operation, at time.Time) {
	op.Name, op.Text, op.Cut, op.Fingerprint, op.Kind = "PIPELINE", "", false, 0, ""
	op.FromClient += d.sent
	op.Asked = at.Sub(op.Started)
}

// describe tells the session's state.
func (d *Decoder) describe(op *flow.Operation) {
	op.Namespace, op.Transaction = d.talk.database, d.talk.transaction
	d.name(op)
}

func (d *Decoder) name(op *flow.Operation) {
	op.User, op.Application = d.talk.user, d.talk.label
	if d.talk.login {
		op.Auth = "password"
	}
}

// silent tells the commands that nobody answers once they come first.
func (d *Decoder) silent() {
	for {
		before := d.talk.database
		h := d.talk.silent()
		if h == nil {
			return
		}
		op := h.op
		d.describe(op)
		op.Namespace = before
		d.talk.pop()
		d.emit(op)
	}
}

func side(dir flow.Direction) string {
	if dir == flow.FromClient {
		return "of the client"
	}
	return "of the server"
}
