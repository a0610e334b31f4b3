package postgres

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// Config is what a Decoder is made of.
type Config struct {
	// Emit is told each operation, inside the call that ended it. The operation is the callee's.
	Emit func(*flow.Operation)
	// Statement says what a statement is, as far as privacy lets it be told. Nil tells nothing of it.
	Statement func(raw []byte, d sql.Dialect) sql.Statement
	// Statements is how much of the server's errors is told: they quote what was asked.
	Statements flow.Statements
}

// Decoder tells what a client asks and what comes of it. One goroutine at a time calls it.
//
// An operation is each statement of a simple query and each Execute; a Parse is one of its own (prepare) when it gives
// the statement a name, and otherwise a part of the Execute behind it. A login, a function call, a request to cancel and
// a notification are operations, too. What a server passes over because something before it in a pipeline failed is none.
//
// The statements of one query all have its text; the first one's name is the first keyword, that of the others what the
// server said that they did. An operation is told when the next thing comes from the server, so that the state of the
// transaction behind it is known.
type Decoder struct {
	c      Config
	stream stream
	keep   [2]keeper
	broken bool

	user, namespace, application, auth string
	replication                        bool
	dialect                            sql.Dialect

	statements, portals names
	group               group
	questions           questions
	// skipping says that the server passes over everything up to the client's next Sync, which has not come yet.
	skipping bool

	answer answer
	held   *flow.Operation
}

// New makes a decoder of one session.
func New(c Config) *Decoder {
	return &Decoder{c: c, stream: newStream()}
}

// Data reads bytes of a direction. An error says where the stream is not PostgreSQL's protocol; nothing is read after it.
func (d *Decoder) Data(dir flow.Direction, at time.Time, b []byte) error {
	if d.broken {
		return nil
	}
	d.stream.now = at
	err := d.stream.feed(dir, b, d)
	d.broken = err != nil
	return err
}

// Skipped goes on behind bytes that nobody could see. They must lie within one message.
func (d *Decoder) Skipped(dir flow.Direction, at time.Time, n uint64) error {
	if d.broken {
		return nil
	}
	d.stream.now = at
	err := d.stream.skip(dir, n, d)
	d.broken = err != nil
	return err
}

// Answered reads what lodoor said to the client in the backend's place. The bytes that it answered were read already.
func (d *Decoder) Answered(at time.Time, _ uint64, reply []byte) error {
	return d.Data(flow.FromBackend, at, reply)
}

// Encrypted says whether nothing more of the session can be read.
func (d *Decoder) Encrypted() bool { return d.stream.encrypted }

// begin says how much of a message must be read.
func (d *Decoder) begin(dir flow.Direction, k kind, size uint32) {
	p := &d.stream.sides[dir]
	want := 0
	if dir == flow.FromClient {
		want = clientWant(k)
	} else if k != 'D' && k != 'd' {
		want = backendWant(k)
	}
	d.keep[dir].begin(want, size, uint32(p.have))
}

func (d *Decoder) body(dir flow.Direction, b []byte) { d.keep[dir].add(b) }

func (d *Decoder) gap(dir flow.Direction, n uint32) { d.keep[dir].gap(n) }

func (d *Decoder) end(dir flow.Direction) error {
	p, k := &d.stream.sides[dir], &d.keep[dir]
	m := message{kind: p.kind, body: k.kept(), cut: k.cut, since: p.since, size: k.head + uint64(k.size)}
	if dir == flow.FromClient {
		return d.fromClient(m)
	}
	return d.fromBackend(m)
}

// message is one that came to its end.
type message struct {
	kind  kind
	body  []byte // the beginning of what is behind the head
	cut   bool   // body is not all
	since time.Time
	size  uint64 // the head included
}

// textMax is how much of a statement is read.
const textMax = flow.OperationTextMax + 1

// clientWant is how many bytes of a client's message are read.
func clientWant(k kind) int {
	switch k {
	case kindStartup:
		return startupMax
	case 'Q':
		return textMax
	case 'P':
		return nameMax + textMax
	case 'B':
		return 2 * (nameMax + 2)
	case 'E', 'C':
		return nameMax + 2
	case 'p':
		return 64 // the name of a SASL mechanism
	}
	return 0
}

// backendWant is how many bytes of a server's message are read. A notification's payload is at most 8000 bytes long, a
// name 63 and a command's tag 64.
func backendWant(k kind) int {
	switch k {
	case 'A':
		return 8200
	case 'E':
		return 4 << 10
	case 'S':
		return 512
	case 'C':
		return 64
	case 'R':
		return 4
	case 'Z':
		return 1
	}
	return 0
}
