package backend

import (
	"bytes"

	"github.com/jackc/pgx/v5/pgproto3"
)

// sqlstateUnknown is the SQLSTATE of a question that is not in the recording. Classes that begin with I to Z are an
// implementation's own (SQL standard, SQLSTATE), so that no client has a plan for it.
const sqlstateUnknown = "LD001"

// unknown answers what is not in the recording.
func (s *pgClient) unknown(q *pgQuestion, with string) {
	switch q.kind {
	case 'B', 'E':
		with = " with these parameters"
	}
	s.missing(string(q.text))
	s.broken = s.state != 'I'
	s.failed(q.kind, &pgproto3.ErrorResponse{
		Code:    sqlstateUnknown,
		Message: "this statement" + with + " is not in the recording " + s.protocol.recording,
		Detail:  cut(string(q.text)),
		Hint:    "The recording answers only what was asked in it, in the same words: 'lodoor record show' tells what that is. Record this statement, too.",
	})
}

// failed answers with an error.
func (s *pgClient) failed(kind byte, e *pgproto3.ErrorResponse) {
	e.Severity, e.SeverityUnlocalized = "ERROR", "ERROR"
	s.write(e)
	if s.state == 'T' {
		s.state = 'E'
	}
	if kind == 'Q' || kind == 'F' {
		s.ready()
		return
	}
	s.skipping = true
}

// fatal ends a connection.
func (s *pgClient) fatal(code, text string) {
	s.write(&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: text})
}

// endsTransaction says whether a statement ends a transaction that failed, which a client sends that got an error.
func endsTransaction(text []byte) bool {
	words := bytes.Fields(bytes.TrimRight(text, "; \t\r\n"))
	if len(words) == 0 || len(words) > 2 {
		return false
	}
	switch string(bytes.ToUpper(words[0])) {
	case "ROLLBACK", "COMMIT", "END", "ABORT":
		return true
	}
	return false
}

// rollBack answers the end of a transaction that failed by a question that was not in the recording.
func (s *pgClient) rollBack(q *pgQuestion) {
	switch q.kind {
	case 'P':
		s.write(&pgproto3.ParseComplete{})
	case 'B':
		s.write(&pgproto3.BindComplete{})
	case 'D':
		if q.about == 'S' {
			s.write(&pgproto3.ParameterDescription{})
		}
		s.write(&pgproto3.NoData{})
	case 'E', 'Q':
		s.write(&pgproto3.CommandComplete{CommandTag: []byte("ROLLBACK")})
		s.state, s.broken = 'I', false
	}
	if q.kind == 'Q' {
		s.ready()
	}
}
