package replay

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// TestChanges plays pgbench on a copy of the database of which one row was changed and one index dropped: what reads the
// row differs, what used the index is slower, and nothing else is told.
func TestChanges(t *testing.T) {
	testkit.Need(t, "pgbench")
	s := newStage(t, nil)
	s.pg.SQL(t, "CREATE DATABASE base")
	s.through("base", "pgbench", "-i", "-q", "-s", "10")
	s.door.Stop()
	for _, name := range []string{"first", "second", "third"} {
		s.copyOf("base", name)
	}
	s.record()
	s.through("first", "pgbench", "-n", "-c", "4", "-t", "25")
	s.through("first", "psql", "-c", "SELECT abalance FROM pgbench_accounts WHERE aid = 4711", "-c", "SELECT count(*) FROM pgbench_tellers")
	file := s.recorded()

	s.same(s.replay(file, "second", nil), 6)

	s.sql("third", "UPDATE pgbench_accounts SET filler = 'another', abalance = abalance + 7 WHERE aid = 4711")
	s.sql("third", "ALTER TABLE pgbench_accounts DROP CONSTRAINT pgbench_accounts_pkey")
	// Without its index an account takes a hundred times as long and more. A busy machine slows everything down, by less.
	r := s.replay(file, "third", func(c *Config, _ *PostgresConfig) { c.Slower, c.SlowerBy = 20, 3*time.Millisecond })
	const read = "SELECT abalance FROM pgbench_accounts WHERE aid = ?"
	if r.Different != 1 || len(r.Differences) != 1 || r.Differences[0].Operation != read || r.Differences[0].What != "row 1" ||
		r.Differences[0].Played != "7" {
		t.Errorf("differences: %s", asJSON(t, r))
	}
	var slower []string
	for _, o := range r.Slower {
		slower = append(slower, o.Operation)
	}
	slices.Sort(slower)
	want := []string{read, "UPDATE pgbench_accounts SET abalance = abalance + ? WHERE aid = ?"}
	if !slices.Equal(slower, want) {
		t.Errorf("slower: %s\n%s", strings.Join(slower, "\n"), asJSON(t, r))
	}
	t.Logf("%v out of order, took %v, %+v", r.OutOfOrder, r.Took, r.Slower)
}
