package mysql

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// Redactor overwrites what is secret in a copy of one session's bytes. No length changes, so that the packets remain what
// they were. It is not for several goroutines at once.
//
// With Authentication these are what a login and a change of the user prove themselves with, the salts for it included;
// passwords in statements; what errors and answers repeat of them; and, in answers, the columns in which a server keeps
// or shows such things. With Parameters these are literals and values in and beside statements, and files that a client
// sends; with Rows the values of rows.
type Redactor struct {
	what   flow.Redaction
	talk   dialogue[redacted]
	client packets
	server packets
	said   script // the client's packet
	answer script // the server's

	masker *sql.Masker
	echoes sql.Echoes
	words  words
	// loginCaps are the client's capabilities while its login is read. multibyte says that its character set has
	// backslashes within characters, so that nobody knows where its strings end.
	loginCaps uint64
	multibyte bool

	statements map[uint32]*prepared
	last       bool // the statement that was prepared last is about passwords
	// The command that is read: its prepared statement, and whether it says how many values it has.
	statement uint32
	counted   bool

	// columns are those of the last result, as far as they are known. It had so many, and answered a prepared statement
	// of that id if it answered any.
	columns  []column
	expected uint64
	of       uint32
	// The column that is read: its database, whether it is of no table, and whether it holds secrets.
	schema            string
	tableless, secret bool

	broken bool
}

// redacted is what is remembered of a command that has no answer yet.
type redacted struct {
	id     uint32 // of a prepared statement
	secret bool   // it is about passwords
}

// prepared is a prepared statement.
type prepared struct {
	parameters int
	secret     bool   // it is about passwords
	rows       bool   // its rows have some
	long       bool   // some values were sent ahead
	types      []byte // those of its last execution, in pairs
}

type column struct {
	fieldType byte
	secret    bool
}

// NewRedactor returns a redactor at the beginning of a session.
func NewRedactor(c flow.Redaction) *Redactor {
	r := &Redactor{
		what: c, statements: map[uint32]*prepared{},
		masker: sql.NewMasker(sql.MySQL, c.Authentication, c.Parameters),
	}
	r.masker.Found(r.echoes.Remember)
	return r
}

// Redact overwrites what is secret in the next bytes of a direction. false says that it does not know any more where it
// is: nothing more of the session may be kept, these bytes included.
func (r *Redactor) Redact(dir flow.Direction, b []byte) bool {
	if r.broken || r.talk.phase == phaseEncrypted {
		return !r.broken
	}
	var err error
	if dir == flow.FromClient {
		err = r.client.feed(b, time.Time{}, (*clientCopy)(r))
	} else {
		err = r.server.feed(b, time.Time{}, (*serverCopy)(r))
	}
	r.broken = err != nil
	return !r.broken
}

// Skip says that n bytes of a direction were not kept.
func (r *Redactor) Skip(dir flow.Direction, n uint64) bool {
	if r.broken || r.talk.phase == phaseEncrypted {
		return !r.broken
	}
	var err error
	if dir == flow.FromClient {
		r.skip(&r.said, n)
		err = r.client.skip(n, time.Time{}, (*clientCopy)(r))
	} else {
		r.skip(&r.answer, n)
		err = r.server.skip(n, time.Time{}, (*serverCopy)(r))
	}
	r.broken = err != nil
	return !r.broken
}

// Answered says that lodoor itself answered the client. No gate does for this protocol, so that nothing is known any
// more.
func (r *Redactor) Answered(uint64, []byte) { r.broken = true }

// Encrypted says whether the session turned to TLS, which passes as it is.
func (r *Redactor) Encrypted() bool { return r.talk.phase == phaseEncrypted }

// beginStatement begins the text of one.
func (r *Redactor) beginStatement() {
	r.masker.Begin()
	r.words = words{found: r.multibyte}
	if r.multibyte {
		r.masker.Skip(1)
	}
}

// rowMask is what becomes of a row's value.
func (r *Redactor) rowMask(i int) mask {
	switch {
	case r.what.Rows, r.what.Authentication && i < len(r.columns) && r.columns[i].secret:
		return maskAll
	case r.echoes.Empty():
		return maskNone
	}
	return maskEcho
}

// plainRows says whether nothing in the rows of the result is secret.
func (r *Redactor) plainRows() bool {
	if r.what.Rows || !r.echoes.Empty() {
		return false
	}
	for _, c := range r.columns {
		if c.secret && r.what.Authentication {
			return false
		}
	}
	return true
}

func (r *Redactor) addColumn(fieldType byte) {
	if len(r.columns) < valuesMax {
		r.columns = append(r.columns, column{fieldType, r.secret})
	}
}
