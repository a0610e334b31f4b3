package sql

// judge says which bytes of a text are secret, by what stood before them. It knows no grammar; it goes by words.
//
// Behind a word for a secret everything that can be one is taken for it. In a statement that administers (CREATE USER,
// SET, CHANGE MASTER, and all that it does not know) that is each string and quoted name up to the statement's end, and
// one token of any other kind where the secret should stand, since somebody may have forgotten the quotes. In one that
// asks for data, or defines what holds data, it is the strings up to the next comma, bracket or condition of the level.
// In strings and comments it is what follows the word, and in a URL what follows the user.
type judge struct {
	lex   lexer
	word  letters
	verb  verb
	depth int // of brackets

	hot   bool // behind a word for a secret
	level int  // the depth that it holds for
	armed bool // the secret itself is still to come
	next  bool // the next token is the secret, whatever it is

	hint  bool // the word that is read is one for a secret
	inner bool // so is one inside the string that is read: the rest of it is secret
	url   urlPart
	calm  uint8 // bytes of the string that were looked at one by one lately, at most reach: see idle
	dull  int   // bytes that have nothing to tell, the last calm of them included
}

// verb is what kind of statement it is.
type verb uint8

const (
	unknown       verb = iota // nothing was read yet
	defining                  // CREATE or ALTER, of what is not known yet
	administering             // its secrets are passwords
	asking                    // what it asks for may be called a password, too
)

// begin starts with a new text.
func (j *judge) begin(d Dialect) { *j = judge{lex: lexer{dialect: d}} }

// secret takes the next byte and says whether it is part of a secret.
func (j *judge) secret(c byte) bool {
	was := j.lex.kind
	j.lex.step(c)
	if j.lex.fresh {
		j.complete(was)
	}
	switch j.lex.kind {
	case word:
		j.word.add(c)
		j.hint = j.hint || j.word.secret() || j.word.caller()
		return j.next
	case number:
		return j.next
	case param:
		return j.next && j.lex.state == dollar && !j.lex.edge
	case text, name:
		inner := j.inside(c)
		whole := j.hot && (j.lex.kind == text || j.verb != asking)
		return (inner || whole) && !j.lex.edge
	case comment:
		return j.inside(c) && !j.lex.edge
	case mark:
		j.mark(c)
	}
	return false
}

// inside takes a byte of a string or comment and says whether a word before it in there makes it a secret.
func (j *judge) inside(c byte) bool {
	was := j.inner
	j.calm = min(j.calm+1, reach)
	j.word.add(c)
	j.inner = j.inner || j.word.secret()
	return j.url.step(c) || was
}

// complete takes note of the token that has ended.
func (j *judge) complete(was kind) {
	switch was {
	case word:
		j.taken()
		j.wordEnded()
	case text:
		j.taken()
		if j.inner {
			j.heat(j.depth - 1)
		}
	case name, number, param:
		j.taken()
	}
	j.word.reset()
	j.hint, j.inner, j.url, j.calm, j.dull = false, false, 0, 0, 0
}

// taken notes that a token stood where the secret should stand.
func (j *judge) taken() {
	if j.next {
		j.next, j.armed = false, false
	}
}

func (j *judge) heat(level int) { j.hot, j.level, j.armed = true, level, j.verb != asking }

func (j *judge) wordEnded() {
	w := string(j.word.whole())
	if j.verb <= defining {
		j.verb = verbOf(j.verb, w)
	}
	switch {
	case j.hint:
		j.heat(j.depth)
		j.next = j.armed && (w == "PASSWORD" || w == "PASSWD")
	case w == "BY", w == "AS": // IDENTIFIED WITH plugin AS 0x24...
		j.next = j.armed
	case j.verb == asking && j.hot && j.depth <= j.level:
		j.hot = !separates(w)
	}
}

// mark takes a character that is a token.
func (j *judge) mark(c byte) {
	switch c {
	case '(':
		j.depth++
	case ')':
		j.depth = max(0, j.depth-1)
		j.hot = j.hot && (j.verb != asking || j.depth >= j.level)
		j.next = false
	case ',':
		j.hot = j.hot && (j.verb != asking || j.depth > j.level)
		j.next = false
	case ';':
		j.verb, j.depth, j.hot, j.armed, j.next = unknown, 0, false, false, false
	case '=':
		j.next = j.next || j.armed
	}
}

// separates says whether a word ends what a word for a secret began, in a statement that asks.
func separates(w string) bool {
	switch w {
	case "AND", "OR", "WHERE", "FROM", "VALUES":
		return true
	}
	return false
}

// verbOf is the verb of a statement whose next word is w.
func verbOf(v verb, w string) verb {
	if v == defining {
		return verbOfObject(w)
	}
	switch w {
	case "EXPLAIN":
		return unknown
	case "CREATE", "ALTER":
		return defining
	case "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH", "VALUES", "TABLE", "COPY", "LOAD",
		"FETCH", "DECLARE", "CALL", "EXECUTE", "SHOW", "DESCRIBE", "COMMIT", "ROLLBACK", "BEGIN", "TRUNCATE":
		return asking
	}
	return administering
}

func verbOfObject(w string) verb {
	switch w {
	case "TABLE", "INDEX", "VIEW", "TYPE", "DOMAIN", "SEQUENCE", "SCHEMA", "FUNCTION", "PROCEDURE", "TRIGGER", "EVENT",
		"AGGREGATE":
		return asking
	case "USER", "ROLE", "GROUP", "SERVER", "SUBSCRIPTION", "SYSTEM", "DATABASE", "WRAPPER":
		return administering
	}
	return defining
}

// urlPart is how much of scheme://user:password@host was read.
type urlPart uint8

// step takes the next byte and says whether it may be of the password. The host behind is taken for it, too, since the
// password may have any number of @.
func (u *urlPart) step(c byte) bool {
	const colon, slash, user, password = 1, 2, 3, 4
	switch {
	case *u >= user && (c == '/' || c == '?' || isSpace(c)):
		*u = 0
	case *u == password:
		return true
	case *u == user && c == ':':
		*u = password
	case *u == user:
	case c == ':':
		*u = colon
	case c == '/' && (*u == colon || *u == slash):
		*u++
	default:
		*u = 0
	}
	return false
}
