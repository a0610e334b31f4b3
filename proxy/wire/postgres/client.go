package postgres

import (
	"bytes"
	"errors"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// group is what a client has sent of the extended protocol since the last question.
type group struct {
	open   bool
	since  time.Time
	bytes  uint64
	stmt   *sql.Statement // of the last Parse or Bind
	named  bool
	parses int  // Parse messages that are no question of their own
	copied bool // a COPY was ended
}

func (g *group) add(m message) {
	if !g.open {
		g.open, g.since = true, m.since
	}
	g.bytes += m.size
}

func (d *Decoder) fromClient(m message) error {
	switch m.kind {
	case kindStartup:
		return d.startup(m)
	case kindCancel:
		d.cancel(m)
		return nil
	case 'p':
		d.password(m)
		return nil
	case kindSSL, kindGSS, 'X':
		return nil
	}
	if d.skipping && m.kind != 'S' {
		return nil
	}
	switch m.kind {
	case 'Q':
		d.group = group{}
		d.ask(question{ask: askQuery, stmt: d.statement(m.body, m.cut), since: m.since, bytes: m.size})
	case 'F':
		d.group = group{}
		d.ask(question{ask: askFunction, since: m.since, bytes: m.size})
	case 'd', 'c', 'f':
		d.copied(m)
	default:
		return d.extended(m)
	}
	return nil
}

// ask notes a question whose last byte has just come.
func (d *Decoder) ask(q question) {
	q.asked = d.stream.now.Sub(q.since)
	d.questions.push(q)
}

// extended reads a message of the extended protocol.
func (d *Decoder) extended(m message) error {
	if m.kind == 'S' {
		d.sync(m)
		return nil
	}
	g := &d.group
	g.add(m)
	switch m.kind {
	case 'P':
		name, rest, ok := cstring(m.body)
		if !ok && !m.cut {
			return errors.New("a Parse message without an end of the statement's name")
		}
		d.parse(name, d.statement(rest, m.cut))
	case 'B':
		portal, rest, _ := cstring(m.body)
		name, _, ok := cstring(rest)
		b := bound{}
		if ok {
			b = d.statements.get(name)
			b.named = len(name) > 0
		}
		d.portals.put(portal, b)
		g.stmt, g.named = b.stmt, b.named
	case 'C':
		d.forget(m.body)
	case 'E':
		portal, _, _ := cstring(m.body)
		b := d.portals.get(portal)
		d.askGroup(question{ask: askExecute, stmt: b.stmt, named: b.named})
	}
	return nil
}

func (d *Decoder) parse(name []byte, stmt *sql.Statement) {
	d.statements.put(name, bound{stmt: stmt})
	if len(name) == 0 {
		d.group.stmt, d.group.named = stmt, false
		d.group.parses++
		return
	}
	d.askGroup(question{ask: askPrepare, stmt: stmt, parses: d.group.parses + 1})
}

// askGroup makes a question of the messages since the last one.
func (d *Decoder) askGroup(q question) {
	q.since, q.bytes = d.group.since, d.group.bytes
	d.group = group{}
	d.ask(q)
}

func (d *Decoder) sync(m message) {
	d.skipping = false
	if q := d.questions.front(); q != nil && q.ask == askExecute && d.answer.copyingIn && !q.copied {
		q.bytes += m.size // the server passes over it
		return
	}
	d.group.add(m)
	d.askGroup(question{ask: askSync, stmt: d.group.stmt, named: d.group.named, copied: d.group.copied})
}

// forget reads a Close message: S or P, and a name.
func (d *Decoder) forget(body []byte) {
	if len(body) == 0 {
		return
	}
	name, _, _ := cstring(body[1:])
	if body[0] == 'S' {
		d.statements.drop(name)
	} else {
		d.portals.drop(name)
	}
}

// copied reads what a client sends into a COPY, which the server may not have begun yet.
func (d *Decoder) copied(m message) {
	ended := m.kind != 'd'
	if !d.answer.copying() {
		if q := d.questions.back(); q != nil {
			q.bytes += m.size
		}
		d.group.copied = d.group.copied || ended
		return
	}
	if q := d.questions.front(); q != nil {
		q.bytes += m.size
		q.copied = q.copied || ended
		q.asked = d.stream.now.Sub(q.since)
	}
}

// statement says what a statement is. text may have an end (NUL), and bytes behind it.
func (d *Decoder) statement(text []byte, cut bool) *sql.Statement {
	if d.c.Statement == nil {
		return nil
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text, cut = text[:i], false
	}
	s := d.c.Statement(text, d.dialect)
	s.Cut = s.Cut || cut
	return &s
}

// cancel tells a request to cancel what another session does. A server never answers it.
func (d *Decoder) cancel(m message) {
	d.c.Emit(&flow.Operation{
		Protocol: protocol, System: system, Kind: "cancel", FromClient: m.size, Rows: -1,
		Started: m.since, Asked: d.stream.now.Sub(m.since),
	})
}

// cstring is the text of b up to its end, and what is behind it.
func cstring(b []byte) (text, rest []byte, ok bool) { return bytes.Cut(b, []byte{0}) }
