package replay

import (
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// TestPgbench records pgbench in each of its modes and plays it on a fresh copy of the database: nothing differs.
func TestPgbench(t *testing.T) {
	testkit.Need(t, "pgbench")
	s := newStage(t, nil)
	s.pg.SQL(t, "CREATE DATABASE base")
	s.through("base", "pgbench", "-i", "-q")
	s.door.Stop()
	for _, mode := range []string{"simple", "extended", "prepared"} {
		t.Run(mode, func(t *testing.T) {
			s.t = t
			s.copyOf("base", "first_"+mode)
			s.copyOf("base", "second_"+mode)
			s.record()
			s.through("first_"+mode, "pgbench", "-n", "-M", mode, "-c", "4", "-t", "50")
			r := s.replay(s.recorded(), "second_"+mode, nil)
			s.same(r, 5) // pgbench looks at the database first, with a session of its own
			t.Logf("%d questions in %v, recorded in %v, %d out of order", r.Questions, r.Took, r.Recorded, r.OutOfOrder)
		})
	}
}
