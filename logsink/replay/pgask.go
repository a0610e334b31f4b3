package replay

import "github.com/lodoor/lodoor/proxy/wire/postgres"

const whySecret = "it holds a password that the recording has not got"

// ask takes a message of the client.
func (c *pgConversation) ask(m *postgres.Message) {
	r := pgReader{b: m.Body}
	q := &pgQuestion{kind: m.Type}
	switch m.Type {
	case 'Q':
		q.about = c.statement(r.bytes())
	case 'P':
		q.about = c.parse(&r)
	case 'B':
		q.about = c.bind(&r)
	case 'D', 'C':
		q.about = c.named(&r, m.Type)
	case 'E':
		q.about = c.portals[r.text()]
	case 'F', 'S':
	default: // Flush, Terminate and what is copied
		c.to.Send(m.Raw)
		return
	}
	c.put(q, m.Raw)
}

// put asks a question, unless it holds what the recording has not got.
func (c *pgConversation) put(q *pgQuestion, raw []byte) {
	x := &Exchange{Asked: c.at}
	if s := q.about; s != nil {
		x.Name = s.name
		if q.kind == 'Q' || q.kind == 'E' {
			x.Fingerprint = s.fingerprint
		}
		q.omitted = s.secret
	}
	q.x = x
	q.answer = &pgAnswer{kind: q.kind, about: q.about, zone: c.zone}
	x.Answer = q.answer
	if q.omitted {
		if q.kind == 'Q' || q.kind == 'P' {
			c.to.Omitted(x, whySecret)
		}
	} else {
		c.to.Send(raw)
		c.to.Asked(x)
	}
	c.pending = append(c.pending, q)
	if c.skipping {
		c.skip()
	}
}

func (c *pgConversation) parse(r *pgReader) *pgStatement {
	name := r.text()
	s := c.statement(r.bytes())
	pgPut(c.statements, name, s)
	return s
}

func (c *pgConversation) bind(r *pgReader) *pgStatement {
	portal, statement := r.text(), r.text()
	s := c.statements[statement]
	if s == nil {
		s = &pgStatement{name: "a statement that was prepared before"}
	}
	bound := *s
	bound.columns = s.columns.in(pgFormats(r))
	pgPut(c.portals, portal, &bound)
	return &bound
}

// pgFormats are the formats that a Bind asks for, behind its two names.
func pgFormats(r *pgReader) []uint16 {
	r.skip(2 * int(r.uint16())) // the parameters' formats
	for range r.uint16() {
		if size := int32(r.uint32()); size > 0 {
			r.skip(int(size))
		}
	}
	var formats []uint16
	for range r.uint16() {
		formats = append(formats, r.uint16())
	}
	return formats
}

// named is what Describe and Close are about.
func (c *pgConversation) named(r *pgReader, kind byte) *pgStatement {
	all := c.statements
	if r.byte() == 'P' {
		all = c.portals
	}
	name := r.text()
	s := all[name]
	if kind == 'C' {
		delete(all, name)
	}
	return s
}

func pgPut(all map[string]*pgStatement, name string, s *pgStatement) {
	if len(all) >= pgStatements && all[name] == nil {
		clear(all)
	}
	all[name] = s
}

// skip has the backend pass over the questions up to the next Sync, as it does behind an error.
func (c *pgConversation) skip() {
	for len(c.pending) > 0 && c.pending[0].kind != 'S' {
		c.pending[0].answer.passed = true
		c.finish()
	}
}

// finish ends the answer to the oldest question.
func (c *pgConversation) finish() {
	q := c.pending[0]
	c.pending[0] = nil
	c.pending = c.pending[1:]
	if q.omitted {
		return
	}
	q.x.Answered, q.answer.at = c.at, c.at
	q.x.Size = q.answer.size + 256
	c.to.Answered(q.x)
}
