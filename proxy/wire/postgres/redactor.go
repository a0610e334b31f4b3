package postgres

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// Redactor overwrites what is secret in a copy of a session's streams, in place; lengths stay, and so does everything
// that a dissector needs to find its way. Both directions are told, a question before its answer. One goroutine at a
// time calls it.
//
// With Authentication it overwrites what logs in (passwords, SASL and GSSAPI data, the salt of md5), passwords in
// statements and in what the server says about them, and values that say of themselves that they are as good as a
// password. With Parameters also the literals of statements, the values bound to them, and what is copied to the server;
// with Rows what the server returns. With either, what errors and notices quote.
type Redactor struct {
	c       flow.Redaction
	stream  stream
	walkers [2]walker
	broken  bool

	masker *sql.Masker
	echoes sql.Echoes
	// values are the secrets within parameters, rows and errors, by direction.
	values [2]secrets
	// authType is what the server wanted to know last.
	authType uint32
	setting  keeper // of ParameterStatus
	field    quoting
	// unseen says that not all came of what the client asked: what errors quote of it is not known.
	unseen bool
}

// NewRedactor makes a redactor of one session.
func NewRedactor(c flow.Redaction) *Redactor {
	r := &Redactor{c: c, stream: newStream(), masker: sql.NewMasker(sql.PostgreSQL, c.Authentication, c.Parameters)}
	r.masker.Found(r.echoes.Remember)
	for d := range r.walkers {
		r.walkers[d].texts = sideTexts{r, flow.Direction(d)}
	}
	return r
}

// Redact overwrites what is secret in the next bytes of a direction. It says false when it does not know any more where
// it is in the stream: b, and whatever comes later, must not be kept then.
func (r *Redactor) Redact(dir flow.Direction, b []byte) bool {
	if !r.broken {
		r.broken = r.stream.feed(dir, b, r) != nil
	}
	return !r.broken
}

// Skip goes on behind n bytes of a direction that are not kept.
func (r *Redactor) Skip(dir flow.Direction, n uint64) bool {
	if !r.broken {
		r.broken = r.stream.skip(dir, n, r) != nil
	}
	return !r.broken
}

// Answered reads what lodoor said to the client in the backend's place.
func (r *Redactor) Answered(_ uint64, reply []byte) {
	r.Redact(flow.FromBackend, bytes.Clone(reply))
}

func (r *Redactor) begin(d flow.Direction, k kind, size uint32) {
	rest := size - uint32(r.stream.sides[d].have)
	var program string
	if d == flow.FromClient {
		program = r.clientProgram(k)
	} else {
		program = r.backendProgram(k)
		switch k {
		case 'S':
			r.setting.begin(64, size, size-rest)
		case 'G', 'H', 'W':
			r.values[flow.FromClient].begin()
			r.values[flow.FromBackend].begin()
		}
	}
	r.walkers[d].begin(program, rest)
}

func (r *Redactor) clientProgram(k kind) string {
	if !r.c.Authentication && !r.c.Parameters {
		return "r"
	}
	switch k {
	case 'p':
		return r.passwordProgram()
	case 'Q':
		return "s"
	case 'P':
		return "nsr"
	case 'B':
		return "nnfvr"
	case 'F':
		return "4fvr"
	case 'd':
		return "d"
	case 'f':
		return "p"
	}
	return "r"
}

// passwordProgram is that of an answer to what the server wanted to know. Where that is not known all is overwritten.
func (r *Redactor) passwordProgram() string {
	switch {
	case !r.c.Authentication:
		return "r"
	case r.authType == pgproto3.AuthTypeSASL:
		r.authType = pgproto3.AuthTypeSASLContinue
		return "k4m"
	case r.authType > pgproto3.AuthTypeMD5Password:
		return "m"
	}
	return "x"
}

func (r *Redactor) backendProgram(k kind) string {
	if !r.c.Authentication && !r.c.Rows && !r.c.Parameters {
		return "r"
	}
	switch k {
	case 'R':
		return "a"
	case 'E', 'N':
		return "e"
	case 'A':
		return "4npr"
	case 'D', 'd', 'V':
		if !r.c.Authentication && !r.c.Rows {
			return "r"
		}
	}
	switch k {
	case 'D':
		return "v"
	case 'd':
		return "d"
	case 'V':
		return "o"
	}
	return "r"
}

func (r *Redactor) body(d flow.Direction, b []byte) {
	if d == flow.FromBackend && r.stream.sides[d].kind == 'S' {
		r.setting.add(b)
	}
	r.walkers[d].mask(b)
}

func (r *Redactor) gap(d flow.Direction, n uint32) {
	if d == flow.FromBackend {
		r.setting.cut = true
	} else if r.stream.sides[d].kind != 'd' {
		r.unseen = true
	}
	r.walkers[d].gap(n)
}

func (r *Redactor) end(d flow.Direction) error {
	r.walkers[d].end()
	if d == flow.FromBackend && r.stream.sides[d].kind == 'S' && !r.setting.cut {
		name, rest, _ := cstring(r.setting.kept())
		if value, _, _ := cstring(rest); string(name) == conformingStrings {
			r.masker.SetDialect(dialectOf(value))
		}
	}
	return nil
}
