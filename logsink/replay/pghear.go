package replay

import "github.com/lodoor/lodoor/proxy/wire/postgres"

// hear takes a message of the backend.
func (c *pgConversation) hear(m *postgres.Message) {
	switch m.Type {
	case 'N', 'A', 'K', 'v', 'R':
		return // said unasked
	case 'S':
		c.parameter(m.Body)
		return
	case 'W':
		c.stop("it turned into a replication stream", false)
		return
	}
	if len(c.pending) == 0 {
		return // an error that nobody asked for: the backend ends the session
	}
	if m.Type == 'Z' {
		c.idle(m.Body)
		return
	}
	q := c.pending[0]
	c.note(q, m)
	switch {
	case m.Type == 'E' && q.kind != 'Q' && q.kind != 'F':
		c.finish()
		c.skipping = true
		c.skip()
	case q.kind != 'Q' && q.kind != 'F' && pgEnds(m.Type):
		c.finish()
	}
}

// pgEnds says whether a message ends the answer to one of an extended query's messages.
func pgEnds(kind byte) bool {
	switch kind {
	case '1', '2', '3', 'C', 'I', 's', 'n', 'T':
		return true
	}
	return false
}

// idle takes ReadyForQuery: it answers the oldest Query, FunctionCall or Sync, and nothing before that will be.
func (c *pgConversation) idle(body []byte) {
	c.skipping = false
	for len(c.pending) > 0 {
		q := c.pending[0]
		last := q.kind == 'Q' || q.kind == 'F' || q.kind == 'S'
		if last {
			q.answer.add(pgItem{kind: 'Z', body: body})
		} else {
			q.answer.passed = true
		}
		c.finish()
		if last {
			return
		}
	}
}

// note puts a message into an answer.
func (c *pgConversation) note(q *pgQuestion, m *postgres.Message) {
	i := pgItem{kind: m.Type, body: m.Body}
	switch m.Type {
	case 'T':
		q.answer.columns = readPgColumns(m.Body)
		if q.about != nil {
			q.about.columns = q.answer.columns
		}
		i.columns = q.answer.columns
	case 'D':
		i.columns = q.answer.columns
		if i.columns == nil && q.about != nil {
			i.columns = q.about.columns
		}
	}
	q.answer.add(i)
}
