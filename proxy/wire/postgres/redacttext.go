package postgres

import (
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
)

// sideTexts overwrites what the walker of one direction finds.
type sideTexts struct {
	r *Redactor
	d flow.Direction
}

func (t sideTexts) beginText()        { t.r.masker.Begin() }
func (t sideTexts) text(b []byte)     { t.r.masker.Mask(b) }
func (t sideTexts) endText()          { t.r.masker.End() }
func (t sideTexts) skipText(n uint64) { t.r.masker.Skip(n) }

func (t sideTexts) beginValue() {
	// A COPY's data may come cut anywhere: a word that tells a secret may go on in the next message.
	if !t.copies() {
		t.r.values[t.d].begin()
	}
}

func (t sideTexts) copies() bool { return t.r.stream.sides[t.d].kind == 'd' }

func (t sideTexts) value(b []byte) {
	if t.whole() {
		overwrite(b)
	} else if t.r.c.Authentication {
		t.r.values[t.d].mask(b, t.copies())
	}
}

func (t sideTexts) skipValue() { t.r.values[t.d].blind() }

// whole says whether values of the message are overwritten whole.
func (t sideTexts) whole() bool {
	c := t.r.c
	if t.d == flow.FromClient || t.r.stream.sides[t.d].kind == 'A' {
		return c.Parameters || t.d == flow.FromBackend && c.Rows
	}
	return c.Rows
}

// auth says what stands behind what the server wants to know (Message Formats, Authentication…).
func (t sideTexts) auth(n uint32) string {
	t.r.authType = n
	if !t.r.c.Authentication {
		return "r"
	}
	switch n {
	case pgproto3.AuthTypeOk, pgproto3.AuthTypeCleartextPassword, pgproto3.AuthTypeSASL, pgproto3.AuthTypeGSS,
		pgproto3.AuthTypeSSPI:
		return "r"
	}
	return "m" // the salt of md5, SASL's and GSSAPI's data
}

// quoting is the place in a field of an error.
type quoting struct {
	free   bool // it is a text for people
	quoted bool // behind a quote
}

// beginField begins a field of an error or a notice (Error and Notice Message Fields). Those that are no text for people
// are kept: severity, SQLSTATE, positions, names of objects, places in the server's source.
func (t sideTexts) beginField(k byte) {
	t.r.field = quoting{free: true}
	switch k {
	case 'S', 'V', 'C', 'P', 'p', 's', 't', 'c', 'd', 'n', 'F', 'L', 'R':
		t.r.field.free = false
		return
	}
	t.r.echoes.Begin()
	t.r.values[t.d].begin()
}

func (t sideTexts) field(b []byte) {
	f := &t.r.field
	if !f.free {
		return
	}
	if t.strict() {
		f.mask(b)
	}
	if t.r.c.Authentication {
		t.r.values[t.d].mask(b, false)
		t.r.echoes.Mask(b)
	}
}

// strict says that a text for people may quote what must not be seen, and that is not known.
func (t sideTexts) strict() bool {
	return t.r.c.Parameters || t.r.c.Rows || t.r.values[flow.FromClient].found || t.r.unseen && t.r.c.Authentication
}

// mask overwrites everything behind the first quote or parenthesis: where a quotation ends cannot be known, since it may
// hold quotes.
func (f *quoting) mask(b []byte) {
	for i, c := range b {
		if f.quoted {
			b[i] = 'x'
			continue
		}
		switch c {
		case '"', '\'', '(', '$', '=', '`', '\\':
			f.quoted = true
		}
		switch {
		case c >= 0x80: // quotes of other languages
			f.quoted, b[i] = true, 'x'
		case '0' <= c && c <= '9':
			b[i] = '0'
		}
	}
}
