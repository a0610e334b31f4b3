package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// answer is what the server has said so far to the oldest question, or to the statement of it that runs.
type answer struct {
	begun       bool
	first, last time.Time // when its first byte was read, and its last one so far
	bytes       uint64
	rows        int64
	// copyingIn and copyingOut say that a COPY runs.
	copyingIn, copyingOut bool
}

func (a *answer) copying() bool { return a.copyingIn || a.copyingOut }

func (a *answer) add(m message, now time.Time) {
	if !a.begun {
		a.begun, a.first = true, m.since
	}
	a.last = now
	a.bytes += m.size
}

func (d *Decoder) fromBackend(m message) error {
	switch m.kind {
	case kindBare:
		return nil
	case 'A':
		d.notification(m)
		return nil
	case 'S':
		d.parameter(m.body)
		return nil
	case 'Z':
		d.ready(m)
		return nil
	}
	if m.kind == 'N' && d.questions.front() == nil && !d.group.open {
		return nil // about nothing that was asked
	}
	d.answer.add(m, d.stream.now)
	switch m.kind {
	case 'D':
		d.answer.rows++
	case 'R':
		d.authentication(m.body)
	case '1':
		d.parsed()
	case 'G':
		d.copyIn()
	case 'H':
		d.answer.copyingOut = true
	case 'W':
		d.answer.copyingIn, d.answer.copyingOut = true, true
	case 'C', 'I', 's', 'V':
		d.complete(m)
	case 'E':
		d.failure(m)
	}
	return nil
}

// parameter reads a setting that the server tells its clients of.
func (d *Decoder) parameter(body []byte) {
	name, rest, _ := cstring(body)
	value, _, _ := cstring(rest)
	switch string(name) {
	case "application_name":
		if string(value) != d.application {
			d.application = string(value)
		}
	case conformingStrings:
		d.dialect = dialectOf(value)
	}
}

// conformingStrings is the setting that says whether a backslash is an escape in a plain string.
const conformingStrings = "standard_conforming_strings"

func dialectOf(conforming []byte) sql.Dialect {
	if string(conforming) == "off" {
		return sql.PostgreSQLEscapes
	}
	return sql.PostgreSQL
}

// parsed reads ParseComplete.
func (d *Decoder) parsed() {
	q := d.questions.front()
	if q == nil || q.ask != askPrepare {
		return
	}
	if q.parses--; q.parses == 0 {
		d.hold(d.operation(q))
		d.questions.pop()
	}
}

// copyIn reads CopyInResponse. The server passes over the Sync messages that it finds before the COPY's end; clients
// that do not know whether an Execute is a COPY send one.
func (d *Decoder) copyIn() {
	d.answer.copyingIn = true
	if q := d.questions.front(); q != nil && q.ask == askExecute {
		q = d.questions.passOver()
		q.copied = q.copied || d.group.copied
	}
}

// notification reads what a session waits for with LISTEN. It is told as the statement that could have sent it, so that
// its payload is a literal as any other.
func (d *Decoder) notification(m message) {
	o := d.operation(nil)
	o.Kind, o.Name, o.Started, o.FromBackend = "notification", "NOTIFY", m.since, m.size
	var n pgproto3.NotificationResponse
	if !m.cut && n.Decode(m.body) == nil {
		text := "NOTIFY " + quoted(n.Channel, '"')
		if n.Payload != "" {
			text += ", " + quoted(n.Payload, '\'')
		}
		if s := d.statement([]byte(text), false); s != nil {
			o.Text, o.Cut, o.Fingerprint = s.Text, s.Cut, s.Fingerprint
		}
	}
	d.c.Emit(o)
}

// ready reads ReadyForQuery: the answer to a query, a login or a Sync is over.
func (d *Decoder) ready(m message) {
	q := d.questions.front()
	for q != nil && !q.ready() {
		d.questions.pop()
		q = d.questions.front()
	}
	if q != nil && q.ask == askLogin {
		d.answer.add(m, d.stream.now)
		d.hold(d.operation(q))
	} else if d.held != nil {
		d.held.FromBackend += m.size
	}
	if d.held != nil {
		d.held.Transaction = transaction(m.body)
		d.release()
	}
	d.answer = answer{}
	if q != nil {
		d.questions.pop()
	} else if d.questions.lost > 0 {
		d.questions.lost--
	}
}

func transaction(body []byte) string {
	if len(body) == 1 {
		switch body[0] {
		case 'I':
			return "idle"
		case 'T':
			return "active"
		case 'E':
			return "failed"
		}
	}
	return ""
}

// hold keeps an operation until the next thing comes.
func (d *Decoder) hold(o *flow.Operation) {
	d.release()
	d.held = o
}

func (d *Decoder) release() {
	if d.held != nil {
		o := d.held
		d.held = nil
		d.c.Emit(o)
	}
}
