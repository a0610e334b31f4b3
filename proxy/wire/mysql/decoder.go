package mysql

import (
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// Config is what a decoder depends on.
type Config struct {
	// Emit is told each operation when its answer is whole. It is called within the decoder's methods.
	Emit func(*flow.Operation)
	// Statement reads a statement. The text of a long one is cut, and raw is valid during the call only.
	Statement func(raw []byte, d sql.Dialect) sql.Statement
	// Statements is how much of an error's text is told.
	Statements flow.Statements
}

// Decoder reads one session. It is not for several goroutines at once.
type Decoder struct {
	config Config
	talk   dialogue[asked]
	client packets
	server packets

	user, namespace, application, auth string
	system                             string
	dialect                            sql.Dialect
	statements                         remembered    // prepared
	last                               sql.Statement // prepared last
	long                               uint64        // bytes of parameters that were sent ahead
	multibyte                          bool          // the client's character set hides backslashes
	waiting                            int           // bytes of the texts of commands without an answer

	current answer
}

// asked is what is remembered of a command that has no answer yet.
type asked struct {
	op        *flow.Operation
	statement sql.Statement // to prepare
	unknown   bool          // the statement that was prepared last, when that is known
	text      int           // bytes of its text
}

// answer is what has come of the answer to the oldest command.
type answer struct {
	begun             bool
	changed, returned bool  // the server told how many rows it changed, and sent some
	rows              int64 // changed, or else returned
	bytes             uint64
}

// textMax is how much of a command is read, its first byte and the parameters before a statement included.
const textMax = flow.OperationTextMax + 256

// New returns a decoder at the beginning of a session.
func New(c Config) *Decoder {
	return &Decoder{config: c, dialect: sql.MySQL}
}

// Data reads bytes of a direction. An error says that they are not what was expected; nothing more may be read then.
func (d *Decoder) Data(dir flow.Direction, at time.Time, b []byte) error {
	switch {
	case d.talk.phase >= phaseEncrypted:
		return nil
	case dir == flow.FromClient:
		return d.client.feed(b, at, (*clientSide)(d))
	default:
		return d.server.feed(b, at, (*serverSide)(d))
	}
}

// Skipped says that n bytes of a direction were not seen.
func (d *Decoder) Skipped(dir flow.Direction, at time.Time, n uint64) error {
	switch {
	case d.talk.phase >= phaseEncrypted:
		return nil
	case dir == flow.FromClient:
		return d.client.skip(n, at, (*clientSide)(d))
	default:
		return d.server.skip(n, at, (*serverSide)(d))
	}
}

// Answered says that lodoor itself answered the client. No gate does for this protocol.
func (d *Decoder) Answered(_ time.Time, taken uint64, _ []byte) error {
	return fmt.Errorf("%d bytes of the client were answered by lodoor, which this protocol does not know", taken)
}

// Encrypted says whether the session turned to TLS.
func (d *Decoder) Encrypted() bool { return d.talk.phase == phaseEncrypted }

// End tells what has no whole answer. Nothing may be called behind it.
func (d *Decoder) End(_ time.Time) {
	for d.talk.front() != nil {
		q := d.talk.front()
		op := q.data.op
		op.Unfinished, op.Rows = true, d.rows(q.command)
		d.finish(op)
	}
}

// operation begins one with the packet that asks for it.
func (d *Decoder) operation(p *packets, at time.Time, command byte) *flow.Operation {
	op := &flow.Operation{
		Protocol: "mysql", System: d.system, Name: commandName(command), Rows: -1,
		FromClient: p.wire + d.long, Started: p.began, Asked: at.Sub(p.began),
	}
	d.long = 0
	return op
}

// tell gives an operation what its statement is.
func tell(op *flow.Operation, s sql.Statement, cut bool) {
	op.Name, op.Text, op.Cut, op.Fingerprint = s.Name, s.Text, s.Cut || cut && s.Text != "", s.Fingerprint
}

// finish tells an operation to the one who wants it, and takes its command away.
func (d *Decoder) finish(op *flow.Operation) {
	op.FromBackend += d.current.bytes
	op.User, op.Application, op.Auth, op.System = orElse(op.User, d.user), d.application, d.auth, d.system
	op.Namespace = orElse(op.Namespace, d.namespace)
	d.current = answer{}
	if q := d.talk.front(); q != nil {
		d.waiting -= q.data.text
		d.talk.answered()
	}
	d.config.Emit(op)
}

// rows are those of the answer to a command, as far as it has come; -1 when there is nothing to count.
func (d *Decoder) rows(command byte) int64 {
	if hasRows(command) && (d.current.changed || d.current.returned) || command == comStmtFetch && d.current.begun {
		return d.current.rows
	}
	return -1
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}

// errorText is a server's message as far as it may be told of a statement.
func (d *Decoder) errorText(r result, secret bool) string {
	message := r.message[:min(len(r.message), flow.OperationErrorMax)]
	private := d.config.Statements == flow.StatementsFingerprint || secret
	switch {
	case d.config.Statements == flow.StatementsOff, private && r.code == errSignal:
		return ""
	case private:
		message = withoutQuoted(message)
	}
	return strings.ToValidUTF8(string(message), "?")
}
