package mysql_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/mysql"
)

// rowsOf is an answer of 64 KB with rows of that many bytes.
func rowsOf(size int) []byte {
	row := packet(4, "\xfc"+u16(size)+strings.Repeat("a", size))
	return []byte(packet(1, "\x01") + definition(2, "shop", "t", "a", 0xfd) + eof(3, 2) +
		strings.Repeat(row, 64<<10/len(row)) + eof(5, 2))
}

// Rows cost what their headers cost.
func BenchmarkRows(b *testing.B) {
	for name, size := range map[string]int{"20": 20, "1000": 1000, "30000": 30000} {
		rows, query := rowsOf(size), []byte(packet(0, "\x03SELECT a FROM t"))
		b.Run("decoder/"+name, func(b *testing.B) {
			d := newDecoder()
			for _, p := range loggedIn(usual) {
				_ = d.Data(p.dir, start(), p.b)
			}
			b.SetBytes(int64(len(rows)))
			b.ReportAllocs()
			for b.Loop() {
				d.told.ops = d.told.ops[:0]
				if d.Data(flow.FromClient, start(), query) != nil || d.Data(flow.FromBackend, start(), rows) != nil {
					b.Fatal("not decoded")
				}
			}
		})
		b.Run("redactor/"+name, func(b *testing.B) {
			r := mysql.NewRedactor(flow.Redaction{Authentication: true})
			for _, p := range loggedIn(usual) {
				_ = r.Redact(p.dir, bytes.Clone(p.b))
			}
			b.SetBytes(int64(len(rows)))
			b.ReportAllocs()
			for b.Loop() {
				if !r.Redact(flow.FromClient, query) || !r.Redact(flow.FromBackend, rows) {
					b.Fatal("not redacted")
				}
			}
		})
	}
}

// BenchmarkStatement is a question with a short answer.
func BenchmarkStatement(b *testing.B) {
	query, answer := []byte(packet(0, "\x03UPDATE t SET a = 1 WHERE b = 2")), []byte(ok(1, 1, 2))
	d, r := newDecoder(), mysql.NewRedactor(flow.Redaction{Authentication: true})
	for _, p := range loggedIn(usual) {
		_ = d.Data(p.dir, start(), p.b)
		_ = r.Redact(p.dir, bytes.Clone(p.b))
	}
	b.Run("decoder", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.told.ops = d.told.ops[:0]
			_ = d.Data(flow.FromClient, start(), query)
			_ = d.Data(flow.FromBackend, start(), answer)
		}
	})
	b.Run("redactor", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = r.Redact(flow.FromClient, query)
			_ = r.Redact(flow.FromBackend, answer)
		}
	})
}
