package wire

import (
	"fmt"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// TestStatementsAreReadAlike: whether a text is remembered makes no difference, and memory has its bounds.
func TestStatementsAreReadAlike(t *testing.T) {
	s := newStatements(flow.StatementsFingerprint)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for i := range 12_000 {
				raw := fmt.Appendf(nil, "SELECT a%d FROM t WHERE b = 1", i%6000)
				d := []sql.Dialect{sql.PostgreSQL, sql.MySQL}[i%2]
				if got, want := s.read(raw, d), sql.Analyse(raw, d, sql.Fingerprint, flow.OperationTextMax); got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
		})
	}
	all.Wait()
	for i := range s.shards {
		if n := len(s.shards[i].young) + len(s.shards[i].older); n > 2*statementsMax {
			t.Errorf("%d statements are remembered", n)
		}
	}
}

// TestDialectsAreToldApart: what is a string in one is a name in the other.
func TestDialectsAreToldApart(t *testing.T) {
	s := newStatements(flow.StatementsFingerprint)
	raw := []byte(`SELECT "a"`)
	for range 3 {
		if got := s.read(raw, sql.PostgreSQL).Text; got != `SELECT "a"` {
			t.Errorf("PostgreSQL: %s", got)
		}
		if got := s.read(raw, sql.MySQL).Text; got != `SELECT ?` {
			t.Errorf("MySQL: %s", got)
		}
	}
}

func BenchmarkStatementKnown(b *testing.B) {
	s := newStatements(flow.StatementsFingerprint)
	raw := []byte("SELECT abalance FROM pgbench_accounts WHERE aid = $1")
	b.ReportAllocs()
	for b.Loop() {
		s.read(raw, sql.PostgreSQL)
	}
}

func BenchmarkStatementNew(b *testing.B) {
	s := newStatements(flow.StatementsFingerprint)
	raw := []byte("SELECT abalance FROM pgbench_accounts WHERE aid = 00000000;")
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		for i, k := len(raw)-2, n; k > 0; i, k = i-1, k/10 {
			raw[i] = byte('0' + k%10)
		}
		s.read(raw, sql.PostgreSQL)
	}
}
