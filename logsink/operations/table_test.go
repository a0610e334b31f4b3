package operations_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestStatementsAddUp(t *testing.T) {
	var table operations.Table
	id := flow.NewSessionID()
	for i := range 100 {
		table.Add(asked(id, "often", 1, begin(), time.Duration(i+1)*time.Millisecond))
	}
	slow := asked(id, "slow", 2, begin().Add(time.Second), 6*time.Second)
	slow.Operation.Failed, slow.Operation.Status, slow.Operation.Error = true, "57014", "canceled"
	table.Add(slow)
	list := table.Statements(operations.ByTotal, 0)
	if len(list) != 2 || list[0].Text != "slow" || list[1].Text != "often" {
		t.Fatalf("%+v", list)
	}
	often := list[1]
	if often.Count != 100 || often.Total != 5050*time.Millisecond || often.Max != 100*time.Millisecond ||
		often.Rows != 100 || often.FromBackend != 10_000 || often.Programs["shop"] != 100 || often.Errors != 0 {
		t.Errorf("%+v", often)
	}
	for q, want := range map[float64]time.Duration{0.5: 50 * time.Millisecond, 0.95: 95 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := often.Quantile(q); got < want || got > want*9/8 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	for order, first := range map[operations.Order]string{
		operations.ByMean: "slow", operations.ByMax: "slow", operations.ByCount: "often", operations.ByErrors: "slow",
		operations.ByBytes: "often",
	} {
		if got := table.Statements(order, 1); len(got) != 1 || got[0].Text != first {
			t.Errorf("first by %d: %+v", order, got)
		}
	}
	if f := table.Failures(0); len(f) != 1 || f[0].Status != "57014" || f[0].Count != 1 || f[0].Text != "slow" {
		t.Errorf("failures: %+v", f)
	}
	if p := table.Programs(0); len(p) != 1 || p[0].Program != "shop" || p[0].Count != 101 || p[0].Errors != 1 {
		t.Errorf("programs: %+v", p)
	}
	if n, first, last := table.Count(); n != 101 || !first.Equal(begin()) || !last.Equal(slow.Time) {
		t.Errorf("%d from %v to %v", n, first, last)
	}
}

// TestQuantiles holds them against the sorted durations.
func TestQuantiles(t *testing.T) {
	var table operations.Table
	random := rand.New(rand.NewPCG(1, 2))
	var all []time.Duration
	for range 5000 {
		d := time.Duration(1000 * (1 + random.ExpFloat64()*float64(random.IntN(1_000_000))))
		all = append(all, d)
		table.Add(asked(flow.NewSessionID(), "x", 1, begin(), d))
	}
	slices.Sort(all)
	s := table.Statements(operations.ByTotal, 1)[0]
	for _, q := range []float64{0.01, 0.5, 0.9, 0.95, 0.99, 0.999} {
		want := all[int(q*float64(len(all)))-1]
		if got := s.Quantile(q); got < want || got > want+want/8+1024 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestLeastUsedStatementsGo(t *testing.T) {
	table := operations.Table{Limits: operations.Limits{Statements: 50}}
	id := flow.NewSessionID()
	table.Add(asked(id, "dear", 1, begin(), time.Hour))
	for i := range uint64(500) {
		table.Add(asked(id, strconv.FormatUint(i, 10), i+2, begin(), time.Millisecond))
	}
	list := table.Statements(operations.ByTotal, 0)
	if len(list) > 50 || list[0].Text != "dear" || table.Forgotten() == 0 || uint64(len(list))+table.Forgotten() != 501 {
		t.Errorf("%d statements, the first is %s, %d forgotten", len(list), list[0].Text, table.Forgotten())
	}
}

func TestSuspects(t *testing.T) {
	const step = 10 * time.Millisecond
	for name, c := range map[string]struct {
		texts []uint64 // fingerprints in their order, step apart
		want  int      // how many suspects
		most  int
	}{
		"N+1":                  {append([]uint64{1}, slices.Repeat([]uint64{2}, 30)...), 1, 30},
		"two in turn":          {append([]uint64{1}, slices.Repeat([]uint64{2, 3}, 20)...), 1, 20},
		"too few":              {append([]uint64{1}, slices.Repeat([]uint64{2}, 9)...), 0, 0},
		"nothing before":       {slices.Repeat([]uint64{2}, 300), 0, 0},
		"one after the other":  {slices.Repeat([]uint64{1, 2, 3, 4}, 200), 0, 0},
		"a page and its parts": {slices.Repeat(append([]uint64{1}, slices.Repeat([]uint64{2}, 20)...), 20), 1, 96},
	} {
		t.Run(name, func(t *testing.T) {
			var table operations.Table
			id, at := flow.NewSessionID(), begin()
			for _, f := range c.texts {
				table.Add(asked(id, strconv.FormatUint(f, 10), f, at, time.Millisecond))
				at = at.Add(step)
			}
			list := table.Suspects(0)
			if len(list) != c.want {
				t.Fatalf("%d suspects: %+v", len(list), list)
			}
			if c.want == 0 {
				return
			}
			if s := list[0]; s.Statement != "2" || s.Behind != "1" || s.Session != id || s.Program != "shop" ||
				s.Most < c.most || s.Within < time.Duration(s.Most-1)*step || s.Within > time.Second+2*time.Millisecond {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestStatementsInTurnAreNoSuspects: whenever the seconds that are counted begin and end.
func TestStatementsInTurnAreNoSuspects(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var table operations.Table
	id, at := flow.NewSessionID(), begin()
	for i := range 20_000 {
		table.Add(asked(id, strconv.Itoa(i%4), uint64(i%4)+1, at, time.Millisecond))
		at = at.Add(time.Duration(1+random.IntN(15)) * time.Millisecond)
	}
	if list := table.Suspects(0); len(list) != 0 {
		t.Errorf("%+v", list[0])
	}
}

// TestSlowLoopsAreNoSuspects: a second is the longest time that counts.
func TestSlowLoopsAreNoSuspects(t *testing.T) {
	var table operations.Table
	id, at := flow.NewSessionID(), begin()
	table.Add(asked(id, "1", 1, at, time.Millisecond))
	for range 100 {
		table.Add(asked(id, "2", 2, at, time.Millisecond))
		at = at.Add(150 * time.Millisecond)
	}
	if list := table.Suspects(0); len(list) != 0 {
		t.Errorf("%+v", list[0])
	}
}

func TestIdleTransactions(t *testing.T) {
	var table operations.Table
	id, other := flow.NewSessionID(), flow.NewSessionID()
	in := func(id flow.SessionID, state string, after time.Duration) {
		r := asked(id, "UPDATE", 7, begin().Add(after), time.Second)
		r.Operation.Transaction = state
		table.Add(r)
	}
	in(id, "active", 0)
	in(id, "active", 5*time.Second) // 4 s later
	in(id, "idle", 36*time.Second)  // 30 s later
	in(other, "failed", 0)
	now := begin().Add(2 * time.Minute)
	list := table.Idle(now, 0)
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	if i := list[0]; i.Session != other || i.Over || !i.Failed || i.For != 119*time.Second || i.Program != "shop" {
		t.Errorf("%+v", i)
	}
	if i := list[1]; i.Session != id || !i.Over || i.Failed || i.For != 30*time.Second || i.Statement != "UPDATE" {
		t.Errorf("%+v", i)
	}
	table.Add(&flow.Record{Event: flow.EventSessionClose, Session: other, Time: begin().Add(time.Minute)})
	if list := table.Idle(now, 1); len(list) != 1 || !list[0].Over || list[0].For != 59*time.Second {
		t.Errorf("after the close: %+v", list)
	}
}

func TestSilentSessionsGo(t *testing.T) {
	table := operations.Table{Limits: operations.Limits{Sessions: 10}}
	for i := range 100 {
		r := asked(flow.NewSessionID(), "BEGIN", 1, begin().Add(time.Duration(i)*time.Second), 0)
		r.Operation.Transaction = "active"
		table.Add(r)
	}
	if list := table.Idle(begin().Add(time.Hour), 0); len(list) > 10 || table.Forgotten() < 90 {
		t.Errorf("%d sessions, %d forgotten", len(list), table.Forgotten())
	}
}

func BenchmarkTable(b *testing.B) {
	var table operations.Table
	id, n := flow.NewSessionID(), 0
	for b.Loop() {
		n++
		table.Add(asked(id, "x", uint64(n%100), begin().Add(time.Duration(n)*time.Millisecond), time.Millisecond))
	}
}
