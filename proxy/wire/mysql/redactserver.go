package mysql

import (
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// serverCopy overwrites what the server sends.
type serverCopy Redactor

func (c *serverCopy) over() bool { return c.talk.phase == phaseEncrypted }

func (c *serverCopy) pass(b []byte) int {
	r := (*Redactor)(c)
	if n, rows := r.talk.wholeRows(b); rows > 0 && r.rowRecipe() == recipeKeep {
		return n
	}
	return 0
}

func (c *serverCopy) begin(f frame, _ time.Time) (k kind, want int, err error) {
	r := (*Redactor)(c)
	if k, err = r.talk.serverSays(f); err != nil {
		return k, 0, err
	}
	switch k {
	case kindGreeting, kindOK, kindEOF, kindERR, kindCount, kindPrepared:
		want = answerMax
	}
	r.answer.begin(r.serverRecipe(k, f))
	return k, want, nil
}

// serverRecipe is what is in a packet of the server's.
func (r *Redactor) serverRecipe(k kind, f frame) recipe {
	switch k {
	case kindGreeting, kindSwitch:
		if !r.what.Authentication {
			return recipeKeep
		}
		if k == kindGreeting {
			return recipeGreeting
		}
		return recipeSwitch
	case kindMore:
		if r.what.Authentication && f.length > 2 { // otherwise it is a number: whether a short proof was enough
			return recipeBehind
		}
	case kindERR:
		return recipeERR
	case kindInfile:
		if r.what.Parameters {
			return recipeBehind
		}
	case kindColumn:
		return recipeColumn
	case kindRow:
		return r.rowRecipe()
	case kindText:
		if r.talk.phase == phaseReplica && (r.what.Authentication || r.what.Rows) { // it has statements, and rows
			return recipeBehind
		}
	}
	return recipeKeep
}

// rowRecipe is what is in a row. Where its columns are not known, it is overwritten as one.
func (r *Redactor) rowRecipe() recipe {
	q := r.talk.front()
	known := uint64(len(r.columns)) == r.expected
	if r.talk.binary {
		known = known && r.of == q.data.id
		if s := r.statements[q.data.id]; !known && r.what.Authentication && (s == nil || s.rows) {
			return recipeBehind
		}
	}
	switch {
	case known && r.plainRows(), !known && r.talk.binary && !r.what.Rows && r.echoes.Empty():
		return recipeKeep
	case !known:
		return recipeBehind
	case r.talk.binary:
		return recipeBinaryRow
	}
	return recipeTextRow
}

func (c *serverCopy) piece(_ kind, b []byte) {
	r := (*Redactor)(c)
	if r.answer.recipe != recipeKeep {
		r.run(&r.answer, b)
	}
}

func (c *serverCopy) end(p *packets, _ time.Time) error {
	r := (*Redactor)(c)
	switch {
	case p.kind == kindRow || r.talk.phase == phaseReplica:
		return nil
	case p.gap:
		return errLost
	}
	asking := r.talk.step
	result, err := r.talk.serverSaid(p.kind, p.head)
	if err != nil {
		return err
	}
	switch p.kind {
	case kindCount:
		r.columns, r.expected, r.of = r.columns[:0], r.talk.columns, r.talk.front().data.id
	case kindColumn:
		r.columnEnds(asking)
	case kindPrepared:
		r.remember(p.head)
	}
	if result.told {
		r.masker.SetDialect(dialectOf(result.status))
	}
	q := r.talk.front()
	if !result.done || q == nil {
		return nil
	}
	login := q.command == comLogin && !result.failed
	r.talk.answered()
	if login {
		return r.talk.open()
	}
	return nil
}

// columnEnds is at the end of a column. Those of a statement's preparation are of no result, and then those of the last
// one are forgotten.
func (r *Redactor) columnEnds(asking step) {
	if asking != stepColumns {
		r.columns, r.expected = r.columns[:0], 1
		return
	}
	q := r.talk.front()
	if r.secret && q != nil {
		if s := r.statements[q.data.id]; s != nil && r.talk.binary {
			s.rows = true
		}
	}
}

// remember keeps a prepared statement.
func (r *Redactor) remember(head []byte) {
	p := payload{b: head}
	p.take(1)
	id := p.uint32()
	p.uint16() // columns
	parameters := int(p.uint16())
	if q := r.talk.front(); q != nil && len(r.statements) < statementsMax {
		r.statements[id] = &prepared{parameters: parameters, secret: q.data.secret}
	}
	r.columns, r.expected = r.columns[:0], 1
}

// dialectOf is how strings are read, by the server's status.
func dialectOf(status uint16) sql.Dialect {
	if status&statusNoBackslashEscapes != 0 {
		return sql.MySQLNoEscapes
	}
	return sql.MySQL
}

// binaryField is of a row of a prepared statement: header, which values are NULL, values.
func (r *Redactor) binaryField(s *script) field {
	v := &s.values
	switch {
	case s.step == 0:
		return field{n: 1}
	case s.step == 1:
		if len(r.columns) == 0 {
			return field{n: theRest, mask: maskAll}
		}
		v.n, v.first, v.stage = len(r.columns), 2, stageValue
		for _, c := range r.columns {
			v.types = append(v.types, c.fieldType)
		}
		return field{n: uint64(v.n+7+2) / 8, take: takeNulls}
	case v.stage == stageEnd:
		return field{n: theRest, mask: maskAll}
	}
	return r.value(s, r.rowMask)
}

// secretColumn says whether a column holds or shows what logs a user in: those of the database mysql, of statements that
// show users, and of those that show other statements. (So does, for who calls this, what a statement about passwords
// computes: a password that the server made up, or a value of the database mysql within a function.)
func secretColumn(schema, name string) bool {
	schema, name = strings.ToLower(schema), strings.ToLower(name)
	switch schema {
	case "mysql":
		return true
	case "", "information_schema", "performance_schema", "sys":
		switch name {
		case "info", "info_binary", "sql_text", "argument":
			return true
		}
	}
	for _, prefix := range []string{"create user for ", "grants for ", "create server"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(name, "authentication_string") || strings.Contains(name, "password(")
}

// hidesBackslash says whether a character set, named by its collation, has characters whose second byte is a backslash:
// big5, sjis, gbk, cp932 and gb18030.
func hidesBackslash(collation byte) bool {
	switch collation {
	case 1, 84, 13, 88, 28, 87, 95, 96, 248, 249, 250:
		return true
	}
	return false
}
