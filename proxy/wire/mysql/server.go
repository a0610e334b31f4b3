package mysql

import (
	"bytes"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// serverSide reads what the server sends.
type serverSide Decoder

// answerMax is how much is read of a packet that is an answer: an error's text, or the changes of a session's state.
const answerMax = 4 << 10

func (s *serverSide) over() bool { return s.talk.phase >= phaseEncrypted }

func (s *serverSide) pass(b []byte) int {
	n, rows := s.talk.wholeRows(b)
	if rows > 0 {
		s.current.returned = true
		s.current.rows += int64(rows)
		s.current.bytes += uint64(n)
	}
	return n
}

func (s *serverSide) begin(f frame, _ time.Time) (k kind, want int, err error) {
	k, err = s.talk.serverSays(f)
	switch k {
	case kindRow, kindColumn, kindText, kindMore, kindInfile:
	default:
		want = answerMax
	}
	if q := s.talk.front(); q != nil && !s.current.begun {
		s.current.begun = true
		q.data.op.FirstByte = s.server.began.Sub(q.data.op.Started)
	}
	return k, want, err
}

func (s *serverSide) piece(kind, []byte) {}

func (s *serverSide) end(p *packets, at time.Time) error {
	d := (*Decoder)(s)
	if p.kind == kindRow {
		d.current.returned = true
		d.current.rows++
		d.current.bytes += p.wire
		return nil
	}
	if p.gap {
		return errLost
	}
	r, err := d.talk.serverSaid(p.kind, p.head)
	if err != nil {
		return err
	}
	q := d.talk.front()
	switch {
	case p.kind == kindGreeting:
		d.system = "mysql"
		if d.talk.greeted.mariadb {
			d.system = "mariadb"
		}
		return nil
	case q == nil:
		d.unasked(p, at, r)
		return nil
	}
	d.current.bytes += p.wire
	d.collect(p, &q.data, r)
	if !r.done {
		return nil
	}
	q.data.op.LastByte = at.Sub(q.data.op.Started)
	return d.conclude(q, r)
}

// collect takes what one packet adds to the answer.
func (d *Decoder) collect(p *packets, q *asked, r result) {
	switch p.kind {
	case kindSwitch:
		if name, _, _ := bytes.Cut(p.head[1:], []byte{0}); len(name) > 0 {
			d.auth = string(name)
		}
	case kindInfile:
		q.op.Kind = "copy"
	case kindCount:
		if !d.current.returned { // changes that a procedure made before do not count
			d.current.returned, d.current.rows = true, 0
		}
	case kindPrepared:
		d.remember(p.head, q.statement)
	case kindOK:
		if !d.current.returned {
			d.current.changed = true
			d.current.rows += int64(r.affected)
		}
	}
	if r.schema != "" {
		d.namespace = r.schema
	}
	if r.told {
		q.op.Transaction = transaction(r.status)
		d.dialect = dialectOf(r.status)
	}
}

// remember keeps a prepared statement by its id.
func (d *Decoder) remember(head []byte, s sql.Statement) {
	p := payload{b: head}
	p.take(1)
	id := p.uint32()
	d.last = s
	if !p.bad {
		d.statements.put(id, s)
	}
}

func transaction(status uint16) string {
	if status&(statusInTransaction|statusInReadOnly) != 0 {
		return "active"
	}
	return "idle"
}

// conclude tells the oldest command, whose answer is whole.
func (d *Decoder) conclude(q *question[asked], r result) error {
	op, command := q.data.op, q.command
	if q.data.unknown {
		tell(op, d.last, false)
		q.data.statement.Secret = d.last.Secret
	}
	op.Rows = d.rows(command)
	switch {
	case r.failed:
		op.Failed, op.Status, op.Transaction, op.Rows = true, strconv.Itoa(int(r.code)), "", -1
		op.Error = d.errorText(r, q.data.statement.Secret)
		if !logsIn(command) {
			op.Namespace = ""
		}
	case op.Namespace != "":
		d.namespace = op.Namespace
	}
	if logsIn(command) && !r.failed {
		d.user = op.User
	}
	d.finish(op)
	if command == comLogin && !r.failed {
		return d.talk.open()
	}
	return nil
}

// unasked tells what a server says by itself, before it ends the session.
func (d *Decoder) unasked(p *packets, at time.Time, r result) {
	op := d.operation(p, at, 0)
	op.Name, op.Started, op.Asked, op.FromClient, op.FromBackend = "", p.began, 0, 0, p.wire
	op.Failed, op.Status, op.Error = true, strconv.Itoa(int(r.code)), d.errorText(r, false)
	op.LastByte = at.Sub(p.began)
	d.finish(op)
}
