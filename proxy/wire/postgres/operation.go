package postgres

import (
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

const (
	protocol = "postgres"
	system   = "postgresql"
)

// operation makes an operation of a question and of the answer to it, which is over. q is nil when nothing was asked, or
// when it is not remembered.
func (d *Decoder) operation(q *question) *flow.Operation {
	o := &flow.Operation{
		Protocol: protocol, System: system, Namespace: d.namespace, User: d.user, Application: d.application, Auth: d.auth,
		Rows: -1,
	}
	a := d.answer
	if q == nil {
		if a.begun {
			o.Started, o.LastByte, o.FromBackend = a.first, a.last.Sub(a.first), a.bytes
		}
		return o
	}
	o.Started, o.Asked = q.since, q.asked
	if !q.answered {
		o.FromClient = q.bytes
	}
	if a.begun {
		o.FirstByte, o.LastByte, o.FromBackend = a.first.Sub(q.since), a.last.Sub(q.since), a.bytes
	}
	if a.rows > 0 {
		o.Rows = a.rows
	}
	if q.stmt != nil {
		o.Text, o.Cut, o.Fingerprint = q.stmt.Text, q.stmt.Cut, q.stmt.Fingerprint
	}
	d.name(o, q)
	q.answered, d.answer = true, answer{}
	return o
}

// name says what kind of operation it is, and its name but for the later statements of a query.
func (d *Decoder) name(o *flow.Operation, q *question) {
	switch {
	case q.ask == askFunction:
		o.Name = "FUNCTION CALL"
	case q.stmt != nil && !q.answered:
		o.Name = q.stmt.Name
	}
	switch {
	case d.answer.copying():
		o.Kind = "copy"
	case q.ask == askLogin:
		o.Kind = "login"
	case q.ask == askPrepare:
		o.Kind = "prepare"
	case q.named:
		o.Kind = "execute"
	}
	if d.replication && o.Kind != "login" {
		o.Kind = "replication"
	}
}

// complete reads the end of a statement: CommandComplete, EmptyQueryResponse, PortalSuspended, FunctionCallResponse.
func (d *Decoder) complete(m message) {
	q := d.questions.front()
	if q == nil && !d.questions.blind() || q != nil && (q.ask == askSync || q.ask == askLogin || q.ask == askPrepare) {
		d.answer = answer{}
		return
	}
	o := d.operation(q)
	if m.kind == 'C' {
		text, _, _ := cstring(m.body)
		tag, rows := commandTag(string(text))
		if o.Name == "" {
			o.Name = tag
		}
		if rows >= 0 {
			o.Rows = rows
		}
	}
	d.hold(o)
	if q == nil {
		d.answer = answer{}
	} else if q.ask == askExecute {
		d.questions.pop()
	}
}

// commandTag takes what a server says that a statement did apart: INSERT 0 5 is INSERT, and 5 rows. rows is -1 when it
// does not say.
func commandTag(tag string) (name string, rows int64) {
	rows = -1
	for {
		i := strings.LastIndexByte(tag, ' ')
		n, err := strconv.ParseUint(tag[i+1:], 10, 63)
		if i < 0 || err != nil {
			return strings.ToUpper(tag), rows
		}
		if rows < 0 {
			rows = int64(n)
		}
		tag = tag[:i]
	}
}

// failure reads an error and says whose it is.
func (d *Decoder) failure(m message) {
	q := d.questions.front()
	switch {
	case q == nil && d.group.open && !d.questions.blind():
		d.failGroup(m)
	case q != nil && q.ask == askSync && q.stmt == nil && d.held != nil:
		// What was asked went well, and was not to be committed.
		d.held.FromBackend += d.answer.bytes
		d.held.LastByte = d.answer.last.Sub(d.held.Started)
		d.answer = answer{}
		d.fail(d.held, m, nil)
	default:
		o := d.operation(q)
		d.answer = answer{}
		if q == nil {
			d.fail(o, m, nil)
		} else {
			d.fail(o, m, q.stmt)
		}
		d.hold(o)
	}
	if q != nil && q.ask == askLogin {
		d.questions.pop()
	} else if q != nil && !q.ready() {
		d.skipToSync()
	}
}

// failGroup tells that what a client has begun to ask failed before it was asked.
func (d *Decoder) failGroup(m message) {
	g := d.group
	q := question{ask: askExecute, stmt: g.stmt, named: g.named, since: g.since, bytes: g.bytes}
	q.asked = d.answer.first.Sub(q.since)
	o := d.operation(&q)
	d.fail(o, m, q.stmt)
	d.hold(o)
	d.group, d.skipping = group{}, true
}

// skipToSync forgets what the server passes over after an error in the extended protocol.
func (d *Decoder) skipToSync() {
	for q := d.questions.front(); q != nil; q = d.questions.front() {
		if q.ask == askSync {
			q.stmt = nil
			return
		}
		d.questions.pop()
	}
	if d.questions.lost == 0 {
		d.questions.open, d.skipping, d.group = false, true, group{}
	}
}

// fail writes an error into its operation, as far as privacy lets it be told.
func (d *Decoder) fail(o *flow.Operation, m message, stmt *sql.Statement) {
	body := m.body
	if m.cut { // what is there, with ends of its own
		body = append(append(make([]byte, 0, len(body)+2), body...), 0, 0)
	}
	var e pgproto3.ErrorResponse
	_ = e.Decode(body) // what could be read is there
	o.Failed, o.Status = true, e.Code
	text := []byte(e.Message)
	private := d.c.Statements == flow.StatementsFingerprint || stmt == nil || stmt.Secret
	switch {
	case d.c.Statements == flow.StatementsOff, private && e.Code == raised:
		text = nil
	case private:
		text = sql.WithoutQuoted(text)
	}
	o.Error = string(text[:min(len(text), flow.OperationErrorMax)])
}

// raised is the SQLSTATE of a statement RAISE that names no other (raise_exception): its words are whatever the
// statement, or the values in it, made of them.
const raised = "P0001"

// End tells what the session's end left without a whole answer.
func (d *Decoder) End(_ time.Time) {
	d.release()
	for q := d.questions.front(); q != nil; q = d.questions.front() {
		if q.ask != askSync && (!q.answered || d.answer.begun) {
			o := d.operation(q)
			o.Unfinished = true
			d.c.Emit(o)
		}
		d.answer = answer{}
		d.questions.pop()
	}
}

// quoted is a name or a literal as SQL quotes it.
func quoted(s string, quote byte) string {
	q := string(quote)
	return q + strings.ReplaceAll(s, q, q+q) + q
}
