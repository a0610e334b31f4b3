package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// TestLiteralsStayPrivate: nothing that stands in a literal is told of a statement and of what became of it, however the
// session reads strings.
func TestLiteralsStayPrivate(t *testing.T) {
	conforming := func(value string) piece {
		return backend(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: value})
	}
	for name, c := range map[string]struct {
		then []piece
		want string // the last operation
	}{
		"backslashes":    {[]piece{conforming("off"), client(query(`select 'a\', secret', b`)), backend(tag("SELECT 0"), ready('I'))}, "SELECT text=select ?, b rows=0 tx=idle"},
		"no backslashes": {[]piece{conforming("off"), conforming("on"), client(query(`select 'a\', b, 'secret'`)), backend(tag("SELECT 0"), ready('I'))}, "SELECT text=select ?, b, ? rows=0 tx=idle"},
		"raised": {[]piece{client(query("do $$begin raise 'secret'; end$$")), backend(failed("P0001", "secret"), ready('I'))},
			"DO text=do ? status=P0001 tx=idle"},
	} {
		var o []flow.Operation
		d := postgres.New(postgres.Config{
			Emit: func(op *flow.Operation) { o = append(o, *op) },
			Statement: func(raw []byte, d sql.Dialect) sql.Statement {
				return sql.Analyse(raw, d, sql.Fingerprint, flow.OperationTextMax)
			},
		})
		for _, p := range loggedIn(c.then...) {
			if err := d.Data(p.dir, moment(), []byte(p.bytes)); err != nil {
				t.Fatal(err)
			}
		}
		d.End(moment())
		if got := line(o[len(o)-1]); got != c.want || strings.Contains(lines(o), "secret") {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
