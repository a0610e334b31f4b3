package mysql

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// clientSide reads what the client sends.
type clientSide Decoder

func (c *clientSide) over() bool { return c.talk.phase >= phaseEncrypted }

func (c *clientSide) pass([]byte) int { return 0 }

func (c *clientSide) begin(f frame, _ time.Time) (k kind, want int, err error) {
	k, err = c.talk.clientSays(f)
	switch k {
	case kindLogin, kindCommand:
		want = textMax
	}
	return k, want, err
}

func (c *clientSide) piece(kind, []byte) {}

func (c *clientSide) end(p *packets, at time.Time) error {
	d := (*Decoder)(c)
	switch p.kind {
	case kindLogin:
		return d.clientLogsIn(p, at)
	case kindCommand:
		return d.commanded(p, at)
	}
	if p.kind == kindFile && p.size == 0 {
		d.talk.step = stepFirst
	}
	if n := len(d.talk.asked); n > 0 { // the end of what is asked is further on than it seemed
		op := d.talk.asked[n-1].data.op
		if p.kind == kindFile {
			op = d.talk.asked[0].data.op
		}
		op.FromClient += p.wire
		op.Asked = at.Sub(op.Started)
	}
	return nil
}

func (d *Decoder) clientLogsIn(p *packets, at time.Time) error {
	if p.gap {
		return errLost
	}
	encrypted, err := d.talk.logIn(p.head, p.size)
	if err != nil || encrypted {
		return err
	}
	l := &d.talk.login
	d.application, d.multibyte = l.application, l.multibyte
	d.auth = orElse(l.plugin, d.talk.greeted.plugin)
	op := d.operation(p, at, comLogin)
	op.Kind, op.User, op.Namespace = "login", l.user, l.db
	_, err = d.talk.ask(comLogin, asked{op: op})
	return err
}

// commanded reads a command.
func (d *Decoder) commanded(p *packets, at time.Time) error {
	if len(p.head) == 0 {
		if p.gap {
			return errLost
		}
		p.head = []byte{0} // as the server reads it (COM_SLEEP)
	}
	command, body := p.head[0], p.head[1:]
	cut := p.size > uint64(len(p.head))
	switch command {
	case comStmtSendLongData:
		d.long += p.wire
		return nil
	case comQuit, comStmtClose:
		d.close(command, body)
		return nil
	}
	q := asked{op: d.operation(p, at, command)}
	d.read(command, body, cut, &q)
	if d.waiting+len(q.op.Text) > waitingTextMax {
		q.op.Text, q.op.Cut, q.statement.Text = "", true, ""
	}
	q.text = len(q.op.Text)
	queued, err := d.talk.ask(command, q)
	switch {
	case queued:
		d.waiting += q.text
	case err == nil:
		d.replicates(q.op)
	}
	return err
}

// replicates tells a command that has no end to its answer.
func (d *Decoder) replicates(op *flow.Operation) {
	d.End(time.Time{}) // what has no answer by now will have none that can be told apart
	op.Kind = "replication"
	d.finish(op)
}

// read reads what is behind a command's first byte.
func (d *Decoder) read(command byte, body []byte, cut bool, q *asked) {
	switch command {
	case comQuery:
		if text, ok := behindAttributes(body, d.talk.caps); ok {
			s := d.statement(text)
			tell(q.op, s, cut)
			q.statement.Secret = s.Secret
			if s.Name == "USE" {
				q.op.Namespace = used(text)
			}
		}
	case comStmtPrepare:
		q.op.Kind = "prepare"
		q.statement = d.statement(body)
		tell(q.op, q.statement, cut)
		q.statement.Cut = q.op.Cut
	case comStmtExecute, comStmtBulkExecute, comStmtFetch, comStmtReset:
		d.prepared(command, body, q)
	case comInitDB:
		q.op.Namespace = strings.ToValidUTF8(string(body), "?")
	case comChangeUser:
		l := readChange(body, d.talk.caps)
		d.auth, d.multibyte = orElse(l.plugin, d.talk.greeted.plugin), l.multibyte
		q.op.Kind, q.op.User, q.op.Namespace = "login", l.user, l.db
		d.statements = remembered{}
	case comResetConnection:
		d.statements = remembered{}
	}
}

// statement has a statement read. Of one whose strings end nobody knows where, only what it does is told.
func (d *Decoder) statement(text []byte) sql.Statement {
	s := d.config.Statement(text[:min(len(text), flow.OperationTextMax)], d.dialect)
	if d.multibyte && !ascii(text) {
		return sql.Statement{Name: s.Name, Secret: true}
	}
	return s
}

func ascii(text []byte) bool {
	return !slices.ContainsFunc(text, func(c byte) bool { return c >= utf8.RuneSelf })
}

// prepared finds the statement that a command is about.
func (d *Decoder) prepared(command byte, body []byte, q *asked) {
	if len(body) < 4 {
		return
	}
	id := binary.LittleEndian.Uint32(body)
	s, known := d.statements.by[id]
	q.unknown = id == lastPrepared
	q.statement = s
	name := q.op.Name
	if known {
		tell(q.op, s, false)
	}
	if command == comStmtFetch || command == comStmtReset {
		q.op.Name, q.unknown = name, false
		return
	}
	q.op.Kind = "execute"
	if !known {
		q.op.Name = ""
	}
}

// close forgets a prepared statement.
func (d *Decoder) close(command byte, body []byte) {
	if command == comStmtClose && len(body) >= 4 {
		d.statements.drop(binary.LittleEndian.Uint32(body))
	}
}

// used is the database that a USE statement names: behind the word, without quotes. It is empty where anything else
// stands before or behind the name, such as a comment or another statement.
func used(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) < 4 || !bytes.EqualFold(text[:3], []byte("USE")) {
		return ""
	}
	name := bytes.TrimRight(bytes.TrimSpace(text[3:]), "; \t\r\n")
	quoted := bytes.HasPrefix(name, []byte("`"))
	name = bytes.Trim(name, "`")
	if len(name) > databaseMax || bytes.IndexByte(name, '`') >= 0 || !quoted && bytes.ContainsAny(name, " \t\r\n;/#'\"") {
		return ""
	}
	return strings.ToValidUTF8(string(name), "?")
}

// databaseMax is how long the name of a database is, at most: 64 characters (MySQL Reference Manual, "Identifier Length
// Limits").
const databaseMax = 4 * 64
