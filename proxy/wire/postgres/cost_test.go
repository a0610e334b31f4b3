package postgres_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/postgres"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// warm is a decoder in the middle of a session.
func warm(tb testing.TB) *postgres.Decoder {
	tb.Helper()
	statement := sql.Statement{Name: "SELECT", Text: "select"}
	d := postgres.New(postgres.Config{Emit: func(*flow.Operation) {}, Statement: func([]byte, sql.Dialect) sql.Statement { return statement }})
	for _, p := range loggedIn(client(parse("s", "select $1"), &pgproto3.Sync{}), backend(&pgproto3.ParseComplete{}, ready('I')),
		client(bind("", "s"), execute(""), &pgproto3.Sync{})) {
		if err := d.Data(p.dir, moment(), []byte(p.bytes)); err != nil {
			tb.Fatal(err)
		}
	}
	return d
}

// What is bulky costs no memory, however it is cut.
func TestBulkIsNotKept(t *testing.T) {
	rows := []byte(strings.Repeat(backend(row("1", strings.Repeat("v", 100))).bytes, 100))
	large := []byte(backend(row(strings.Repeat("v", 1<<20))).bytes)
	d := warm(t)
	for name, b := range map[string][]byte{"rows": rows, "a large row": large} {
		for _, size := range []int{len(b), 1000, 7} {
			allocated := testing.AllocsPerRun(3, func() {
				for rest := b; len(rest) > 0; {
					n := min(size, len(rest))
					if err := d.Data(flow.FromBackend, moment(), rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
			})
			if allocated > 0 {
				t.Errorf("%s in pieces of %d bytes: %v allocations", name, size, allocated)
			}
		}
	}
}

func BenchmarkDecodeRows(b *testing.B) {
	rows := []byte(strings.Repeat(backend(row("12345", strings.Repeat("v", 100))).bytes, 100))
	d := warm(b)
	b.SetBytes(int64(len(rows)))
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Data(flow.FromBackend, moment(), rows)
	}
}

// One execution of a prepared statement: two chunks, three messages and four.
func BenchmarkDecodeExecution(b *testing.B) {
	asked := []byte(client(bind("", "s"), execute(""), &pgproto3.Sync{}).bytes)
	answered := []byte(backend(&pgproto3.BindComplete{}, row("1"), tag("SELECT 1"), ready('I')).bytes)
	d := warm(b)
	_ = d.Data(flow.FromBackend, moment(), answered)
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Data(flow.FromClient, moment(), asked)
		_ = d.Data(flow.FromBackend, moment(), answered)
	}
}

func BenchmarkDecodeQuery(b *testing.B) {
	asked := []byte(client(query("select abalance from pgbench_accounts where aid = 12345")).bytes)
	answered := []byte(backend(&pgproto3.RowDescription{}, row("1"), tag("SELECT 1"), ready('I')).bytes)
	d := warm(b)
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Data(flow.FromClient, moment(), asked)
		_ = d.Data(flow.FromBackend, moment(), answered)
	}
}

func BenchmarkRedactRows(b *testing.B) {
	for name, c := range map[string]flow.Redaction{"authentication": {Authentication: true}, "rows": {Rows: true}, "nothing": {}} {
		b.Run("copy "+name, func(b *testing.B) {
			r := postgres.NewRedactor(c)
			for _, p := range loggedIn() {
				r.Redact(p.dir, []byte(p.bytes))
			}
			data := []byte(backend(&pgproto3.CopyData{Data: []byte(strings.Repeat("12345\tthe words of a row, with passes\t2026-01-02 03:04:05\t0.5\n", 500))}).bytes)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				r.Redact(flow.FromBackend, data)
			}
		})
		b.Run(name, func(b *testing.B) {
			r := postgres.NewRedactor(c)
			for _, p := range loggedIn() {
				r.Redact(p.dir, []byte(p.bytes))
			}
			whole := []byte(strings.Repeat(backend(row("12345", strings.Repeat("a plain text, some words ", 4))).bytes, 100))
			rows := bytes.Clone(whole)
			b.SetBytes(int64(len(rows)))
			b.ReportAllocs()
			for b.Loop() {
				r.Redact(flow.FromBackend, rows)
			}
		})
	}
}

func BenchmarkRedactQuery(b *testing.B) {
	r := postgres.NewRedactor(authentication())
	for _, p := range loggedIn() {
		r.Redact(p.dir, []byte(p.bytes))
	}
	asked := []byte(client(query("select abalance from pgbench_accounts where aid = 12345")).bytes)
	b.ReportAllocs()
	for b.Loop() {
		r.Redact(flow.FromClient, asked)
	}
}
