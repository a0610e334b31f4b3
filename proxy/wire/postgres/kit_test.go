package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// piece is what one side says at once.
type piece struct {
	dir   flow.Direction
	bytes string
}

type message interface {
	Encode(dst []byte) ([]byte, error)
}

func encode(messages []message) string {
	var b []byte
	for _, m := range messages {
		var err error
		if b, err = m.Encode(b); err != nil {
			panic(err)
		}
	}
	return string(b)
}

func client(messages ...message) piece  { return piece{flow.FromClient, encode(messages)} }
func backend(messages ...message) piece { return piece{flow.FromBackend, encode(messages)} }

// bare is what is no message.
func bare(d flow.Direction, bytes string) piece { return piece{d, bytes} }

func startup(parameters ...string) *pgproto3.StartupMessage {
	m := &pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{}}
	for i := 0; i < len(parameters); i += 2 {
		m.Parameters[parameters[i]] = parameters[i+1]
	}
	return m
}

func ready(status byte) message { return &pgproto3.ReadyForQuery{TxStatus: status} }

func tag(s string) message { return &pgproto3.CommandComplete{CommandTag: []byte(s)} }

func query(s string) message { return &pgproto3.Query{String: s} }

func row(values ...string) message {
	m := &pgproto3.DataRow{}
	for _, v := range values {
		m.Values = append(m.Values, []byte(v))
	}
	return m
}

func failed(code, text string) message {
	return &pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: text}
}

// loggedIn is a login with nothing in it, and what follows.
func loggedIn(then ...piece) []piece {
	return append([]piece{
		client(startup("user", "alice", "database", "shop", "application_name", "psql")),
		backend(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "application_name", Value: "psql"},
			&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}}, ready('I')),
	}, then...)
}

// bytewise cuts a conversation into single bytes.
func bytewise(pieces []piece) (out []piece) {
	for _, p := range pieces {
		for _, b := range []byte(p.bytes) {
			out = append(out, piece{p.dir, string([]byte{b})})
		}
	}
	return out
}

// told is what a decoder tells of a conversation, and the error that ended it.
type told struct {
	operations []flow.Operation
	err        error
	encrypted  bool
}

func decode(pieces []piece, statements flow.Statements) told {
	var r told
	d := postgres.New(postgres.Config{
		Emit:       func(o *flow.Operation) { r.operations = append(r.operations, *o) },
		Statement:  asWritten,
		Statements: statements,
	})
	for _, p := range pieces {
		b := []byte(p.bytes)
		err := d.Data(p.dir, moment(), b)
		clear(b) // it was valid during the call only
		if r.err == nil {
			r.err = err
		}
	}
	d.End(moment())
	r.encrypted = d.Encrypted()
	return r
}

func moment() time.Time { return time.Unix(1_700_000_000, 0) }

// asWritten tells a statement whole.
func asWritten(raw []byte, _ sql.Dialect) sql.Statement {
	word, _, _ := strings.Cut(string(raw), " ")
	text := string(raw[:min(len(raw), flow.OperationTextMax)])
	return sql.Statement{Name: strings.ToUpper(word), Text: text, Cut: len(text) < len(raw)}
}

// line is an operation in a few words.
func line(o flow.Operation) string {
	parts := []string{o.Name}
	add := func(s string, if_ bool) {
		if if_ {
			parts = append(parts, s)
		}
	}
	add("kind="+o.Kind, o.Kind != "")
	add("text="+o.Text, o.Text != "")
	add("rows="+itoa(o.Rows), o.Rows >= 0)
	add("status="+o.Status, o.Failed)
	add("error="+o.Error, o.Error != "")
	add("tx="+o.Transaction, o.Transaction != "")
	add("unfinished", o.Unfinished)
	add("cut", o.Cut)
	return strings.TrimSpace(strings.Join(parts, " "))
}

func lines(operations []flow.Operation) string {
	var out []string
	for _, o := range operations {
		out = append(out, line(o))
	}
	return strings.Join(out, "\n")
}

func wantLines(t *testing.T, pieces []piece, want ...string) {
	t.Helper()
	for name, pieces := range map[string][]piece{"whole": pieces, "bytewise": bytewise(pieces)} {
		r := decode(pieces, flow.StatementsText)
		if r.err != nil {
			t.Fatalf("%s: %v", name, r.err)
		}
		if got := lines(r.operations); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, strings.Join(want, "\n"))
		}
	}
}
