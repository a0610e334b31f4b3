package backend

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
)

// pgCutter reads a recorded session of PostgreSQL.
type pgCutter struct {
	protocol *postgresProtocol
	script   *script
	splitter *postgres.Splitter
	names    pgNames
	greeting *pgGreeting // while the session is not ready
	waiting  []pgWaiting
	answer   []byte // of the first that waits, so far
	skipping bool   // an error came, and the questions up to the next Sync are passed over
	sending  pgCopy
	since    int // the first take behind the last ReadyForQuery
}

// pgWaiting is a question that has not been answered.
type pgWaiting struct {
	pgQuestion
	copied bool
	before []byte // the answer up to where the client's data come
}

func (p *postgresProtocol) cut(s *script) cutter {
	return &pgCutter{
		protocol: p, script: s, splitter: postgres.NewSplitter(messageMax), names: newPgNames(), sending: newPgCopy(),
		greeting: &pgGreeting{},
	}
}

func (c *pgCutter) feed(d flow.Direction, b []byte) error {
	if err := c.splitter.Split(d, b, c.message); err != nil {
		return err
	}
	if c.splitter.Encrypted() {
		return errors.New("it is encrypted from here on")
	}
	return nil
}

func (c *pgCutter) end() error { return nil }

func (c *pgCutter) message(m postgres.Message) error {
	switch {
	case m.Bare:
		return nil
	case m.Startup:
		return c.startup(&m)
	case m.Direction == flow.FromClient:
		return c.ask(&m)
	case c.greeting != nil:
		c.greet(&m)
		return nil
	}
	return c.told(&m)
}

func (c *pgCutter) startup(m *postgres.Message) error {
	if len(m.Body) < 4 || m.Body[0] != 0 || m.Body[1] != 3 { // a wish for encryption, or to cancel
		return nil
	}
	settings := pgSettings(m.Body)
	if replicates(settings) {
		return errReplication
	}
	c.script.who = pgWho(settings)
	c.greeting.who = c.script.who
	return nil
}

// greet reads what comes before a session is ready.
func (c *pgCutter) greet(m *postgres.Message) {
	g := c.greeting
	switch m.Type {
	case 'S', 'K':
		g.raw = append(g.raw, m.Raw...)
		return
	case 'E':
		if class := pgField(m.Body, 'C'); len(class) < 2 || class[:2] == "28" { // who asks for no password refuses nobody
			return
		}
		g.refusal = bytes.Clone(m.Raw)
	case 'Z':
	default:
		return
	}
	c.protocol.greetings = append(c.protocol.greetings, *g)
	c.greeting = nil
}

// ask reads a message of the client.
func (c *pgCutter) ask(m *postgres.Message) error {
	switch m.Type {
	case 'p', 'X', 'H':
		return nil
	case 'd', 'c', 'f':
		c.sending.add(m)
		return nil
	case 'S':
		c.skipping = false
		c.waiting = append(c.waiting, pgWaiting{pgQuestion: pgQuestion{kind: 'S'}})
		return nil
	}
	q, err := c.names.question(m)
	if err != nil {
		return err
	}
	if c.skipping {
		return nil
	}
	if (q.kind == 'Q' || q.kind == 'E') && !slices.ContainsFunc(c.waiting, func(w pgWaiting) bool { return w.copied }) {
		c.sending = newPgCopy()
	}
	c.waiting = append(c.waiting, pgWaiting{pgQuestion: q})
	return nil
}

// told reads a message of the server.
func (c *pgCutter) told(m *postgres.Message) error {
	if len(c.waiting) == 0 {
		if m.Type == 'A' || m.Type == 'S' || m.Type == 'N' {
			c.tail(m.Raw)
		}
		return nil
	}
	w := &c.waiting[0]
	if c.answer = append(c.answer, m.Raw...); len(c.answer) > answerMax {
		return errLong
	}
	switch m.Type {
	case 'W':
		return errReplication
	case 'G':
		return c.copyIn(w)
	case 'Z':
		c.ready(m)
	case 'E':
		c.failed(w, m)
	case '1', '2', 'T', 'n', 'C', 'I', 's':
		if pgEnds(w.kind, m.Type) {
			c.took(take{})
		}
	case '3':
		c.took(take{})
	}
	return nil
}

// pgEnds says whether a server's message is the last of the answer to a question.
func pgEnds(question, answer byte) bool {
	switch question {
	case 'P':
		return answer == '1'
	case 'B':
		return answer == '2'
	case 'D':
		return answer == 'T' || answer == 'n'
	case 'E':
		return answer == 'C' || answer == 'I' || answer == 's'
	}
	return false
}

// copyIn reads that the server waits for data. It passes over a Sync that comes before these.
func (c *pgCutter) copyIn(w *pgWaiting) error {
	if w.copied {
		return errors.New("a query with more than one COPY FROM STDIN cannot be answered")
	}
	w.copied, w.before, c.answer = true, c.answer, nil
	if w.kind == 'E' {
		if i := slices.IndexFunc(c.waiting, func(w pgWaiting) bool { return w.kind == 'S' }); i > 0 {
			c.waiting = slices.Delete(c.waiting, i, i+1)
		}
	}
	return nil
}

// ready reads ReadyForQuery, which ends the answer to a Query, to a FunctionCall and to Sync.
func (c *pgCutter) ready(m *postgres.Message) {
	w := &c.waiting[0]
	if w.kind == 'Q' || w.kind == 'F' {
		c.took(take{})
	} else {
		if w.kind == 'S' {
			c.waiting = c.waiting[1:]
		}
		c.tail(c.answer[:len(c.answer)-len(m.Raw)])
		c.answer = nil
	}
	for i := c.since; i < len(c.script.takes); i++ {
		c.script.takes[i].state = m.Body[0]
	}
	c.since = len(c.script.takes)
}

// failed reads an error. Behind one in the extended protocol the server passes over what comes before the next Sync.
func (c *pgCutter) failed(w *pgWaiting, m *postgres.Message) {
	severity := pgField(m.Body, 'V')
	closes := severity == "FATAL" || severity == "PANIC"
	if (w.kind == 'Q' || w.kind == 'F') && !closes {
		return
	}
	simple := w.kind == 'Q' || w.kind == 'F'
	c.took(take{failed: !simple, closes: closes})
	if simple {
		return
	}
	i := slices.IndexFunc(c.waiting, func(w pgWaiting) bool { return w.kind == 'S' })
	if c.skipping = i < 0; c.skipping {
		i = len(c.waiting)
	}
	c.waiting = c.waiting[i:]
}

// took notes that the first that waits is answered.
func (c *pgCutter) took(t take) {
	w := c.waiting[0]
	c.waiting = c.waiting[1:]
	answer := bytes.Clone(c.answer)
	c.answer = c.answer[:0]
	if w.kind == 'C' || w.kind == 'S' {
		return
	}
	t.key, t.quiet, t.answer = w.key, w.quiet, answer
	if w.copied {
		t.copied, t.answer, t.then = true, w.before, answer
		t.data = c.sending.key(w.key)
		c.sending = newPgCopy()
	}
	c.script.add(t)
}

// tail adds what came behind an answer to it.
func (c *pgCutter) tail(b []byte) {
	n := len(c.script.takes)
	if n == 0 || len(b) == 0 {
		return
	}
	t := &c.script.takes[n-1]
	if t.copied {
		t.then = append(t.then, b...)
	} else {
		t.answer = append(t.answer, b...)
	}
}

// pgCopy are the data of a COPY, however they are cut into messages.
type pgCopy struct {
	sum  hash.Hash
	over byte // the message that ended them; 0 while they come
}

func newPgCopy() pgCopy { return pgCopy{sum: sha256.New()} }

func (c *pgCopy) add(m *postgres.Message) {
	switch {
	case c.over != 0:
	case m.Type == 'd':
		c.sum.Write(m.Body)
	default:
		c.over = m.Type
	}
}

// key is that of a statement with these data.
func (c *pgCopy) key(statement key) key {
	return keyOf('c', statement[:], c.sum.Sum(nil), []byte{c.over})
}

// pgField is a field of an error or a notice; empty when it has none.
func pgField(body []byte, code byte) string {
	for len(body) > 1 && body[0] != 0 {
		value, rest, _ := bytes.Cut(body[1:], []byte{0})
		if body[0] == code {
			return string(value)
		}
		body = rest
	}
	return ""
}
