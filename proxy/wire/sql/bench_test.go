package sql_test

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

const pgbenchUpdate = "UPDATE pgbench_accounts SET abalance = abalance + -4711 WHERE aid = 81234;"

func BenchmarkAnalyse(b *testing.B) {
	raw := []byte(pgbenchUpdate)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		sql.Analyse(raw, sql.PostgreSQL, sql.Fingerprint, 8<<10)
	}
}

func BenchmarkMask(b *testing.B) {
	m, raw := sql.NewMasker(sql.PostgreSQL, true, false), []byte(pgbenchUpdate)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		m.Begin()
		m.Mask(raw)
	}
}
