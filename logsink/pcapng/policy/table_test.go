package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

func start() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) }

func program(name string) policy.When {
	return func(f *flow.Facts) bool { return f.Origin.Program == name }
}

func facts(program string) *flow.Facts {
	return &flow.Facts{Service: "db", Origin: flow.Origin{Program: program}}
}

func begin(t *testing.T, table *policy.Table, q policy.Request, now time.Time) *policy.Recording {
	t.Helper()
	r, err := table.Start(q, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// decided is who decided: "" for nobody, "standing", or a recording's number.
func decided(table *policy.Table, program string, now time.Time) string {
	d, yes := table.Decide("db", facts(program), now)
	switch {
	case !yes:
		return ""
	case d.Recording == nil:
		return fmt.Sprintf("standing snap=%d", d.Plan.SnapPayload)
	default:
		return fmt.Sprintf("%d snap=%d", d.Recording.ID, d.Plan.SnapPayload)
	}
}

func TestDecide(t *testing.T) {
	now := start()
	var table policy.Table
	expect := func(what string, at time.Time, want map[string]string) {
		t.Helper()
		for program, who := range want {
			if got := decided(&table, program, at); got != who {
				t.Errorf("%s: of %s decided %q, want %q", what, program, got, who)
			}
		}
	}
	expect("an empty table", now, map[string]string{"psql": ""})

	table.SetStanding([]policy.Standing{
		{Service: "db", When: program("psql"), Plan: policy.Plan{SnapPayload: 1}},
		{Service: "cache", Plan: policy.Plan{SnapPayload: 9}},
	})
	expect("only the configuration", now, map[string]string{"psql": "standing snap=1", "pgbench": ""})

	begin(t, &table, policy.Request{Service: "db", When: program("pgbench"), Plan: policy.Plan{SnapPayload: 2}}, now)
	expect("one recording", now, map[string]string{"psql": "standing snap=1", "pgbench": "1 snap=2", "curl": ""})

	later := now.Add(time.Minute)
	begin(t, &table, policy.Request{Service: "db", Until: later, Plan: policy.Plan{SnapPayload: 3}}, now)
	expect("the last one", now, map[string]string{"psql": "2 snap=3", "pgbench": "2 snap=3", "curl": "2 snap=3"})
	expect("its time is up", later, map[string]string{"psql": "standing snap=1", "pgbench": "1 snap=2", "curl": ""})

	begin(t, &table, policy.Request{Service: "cache", Plan: policy.Plan{SnapPayload: 4}}, now)
	expect("another service's", later, map[string]string{"psql": "standing snap=1", "curl": ""})

	table.SetStanding([]policy.Standing{{Service: "db", Plan: policy.Plan{SnapPayload: 5}}})
	expect("a new configuration", later, map[string]string{"psql": "standing snap=5", "pgbench": "1 snap=2"})

	table.Stop("db")
	expect("all stopped", now, map[string]string{"psql": "standing snap=5", "pgbench": "standing snap=5"})
	table.SetStanding(nil)
	expect("nothing", now, map[string]string{"psql": "", "pgbench": ""})
	if d, yes := table.Decide("cache", facts("x"), now); !yes || d.Plan.SnapPayload != 4 {
		t.Errorf("the other service's recording: %+v, %v", d, yes)
	}
}

// TestWants says of which services anything may be recorded, whatever the conditions.
func TestWants(t *testing.T) {
	now := start()
	var table policy.Table
	expect := func(what string, want bool) {
		t.Helper()
		if got := table.Wants("db"); got != want {
			t.Errorf("%s: wanted: %v, want %v", what, got, want)
		}
	}
	expect("an empty table", false)
	table.SetStanding([]policy.Standing{{Service: "cache"}})
	begin(t, &table, policy.Request{Service: "cache"}, now)
	expect("another service's", false)
	begin(t, &table, policy.Request{Service: "db", When: program("psql")}, now)
	expect("a recording", true)
	table.Stop("db")
	expect("a recording that was stopped", false)
	table.SetStanding([]policy.Standing{{Service: "db", When: program("psql")}})
	expect("the configuration", true)
}

func TestNeedsProcess(t *testing.T) {
	now := start()
	var table policy.Table
	expect := func(what string, at time.Time, want bool) {
		t.Helper()
		if got := table.NeedsProcess("db", at); got != want {
			t.Errorf("%s: the process is needed: %v, want %v", what, got, want)
		}
	}
	expect("an empty table", now, false)
	table.SetStanding([]policy.Standing{{Service: "cache", NeedsProcess: true}, {Service: "db"}})
	expect("another service's", now, false)
	begin(t, &table, policy.Request{Service: "db", NeedsProcess: true, Until: now.Add(time.Second)}, now)
	expect("a recording", now, true)
	expect("its time is up", now.Add(time.Second), false)
	table.SetStanding([]policy.Standing{{Service: "db", NeedsProcess: true}})
	expect("the configuration", now.Add(time.Second), true)
}

func ids(all []*policy.Recording) (list []uint64) {
	for _, r := range all {
		list = append(list, r.ID)
	}
	return list
}

func TestEnds(t *testing.T) {
	now := start()
	var table policy.Table
	short := begin(t, &table, policy.Request{Service: "db", Until: now.Add(time.Second)}, now)
	long := begin(t, &table, policy.Request{Service: "db", Until: now.Add(time.Minute)}, now)
	other := begin(t, &table, policy.Request{Service: "cache"}, now)

	if got := ids(table.List()); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("listed %v", got)
	}
	if got := table.Expire(now.Add(time.Second - 1)); len(got) != 0 {
		t.Errorf("expired too early: %v", ids(got))
	}
	if short.Over(now.Add(time.Second-1)) || !short.Over(now.Add(time.Second)) || other.Over(now.Add(24*365*time.Hour)) {
		t.Error("over too early, or too late")
	}
	if got := ids(table.Expire(now.Add(time.Second))); !slices.Equal(got, []uint64{1}) {
		t.Errorf("expired %v, want the first", got)
	}
	short.Opened()
	long.Opened()
	long.Opened()
	if got := table.Stop("db"); !slices.Equal(ids(got), []uint64{2}) || got[0].Sessions() != 2 {
		t.Errorf("stopped %v, want the second with two sessions", ids(got))
	}
	if !long.Over(now) || other.Over(now) {
		t.Error("the stopped one is not over, or another is")
	}
	if got := ids(table.List()); !slices.Equal(got, []uint64{3}) {
		t.Errorf("listed %v, want the third", got)
	}
	if got := table.Stop("db"); len(got) != 0 {
		t.Errorf("stopped %v again", ids(got))
	}
	if next := begin(t, &table, policy.Request{Service: "db"}, now); next.ID != 4 || !next.Started.Equal(now) {
		t.Errorf("the next one is %d at %v", next.ID, next.Started)
	}
}

func TestStartRefuses(t *testing.T) {
	now := start()
	var table policy.Table
	for what, q := range map[string]policy.Request{
		"name of a service": {},
		"an end after":      {Service: "db", Until: now},
	} {
		if _, err := table.Start(q, now); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want an error with %q, got %v", what, err)
		}
	}
	for i := range 64 {
		begin(t, &table, policy.Request{Service: fmt.Sprint(i % 7)}, now)
	}
	if _, err := table.Start(policy.Request{Service: "db"}, now); err == nil || !strings.Contains(err.Error(), "64 run already") {
		t.Errorf("the 65th: %v", err)
	}
	if got := len(table.List()); got != 64 {
		t.Errorf("%d are listed, want 64", got)
	}
	table.Stop("3")
	begin(t, &table, policy.Request{Service: "db"}, now)
}

// Sessions ask while others change the table; every answer is of one state or of another.
func TestConcurrent(t *testing.T) {
	now := start()
	var table policy.Table
	table.SetStanding([]policy.Standing{{Service: "db", Plan: policy.Plan{SnapPayload: 1}}})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				d, yes := table.Decide("db", facts("psql"), now)
				if !yes || (d.Recording == nil) != (d.Plan.SnapPayload == 1) {
					t.Errorf("decided %+v, %v", d, yes)
					return
				}
			}
		})
	}
	for range 2000 {
		begin(t, &table, policy.Request{Service: "db", Plan: policy.Plan{SnapPayload: 2}}, now)
		table.Expire(now)
		table.Stop("db")
	}
	close(stop)
	wg.Wait()
}

func TestDecideAllocatesNothing(t *testing.T) {
	now := start()
	var table policy.Table
	table.SetStanding([]policy.Standing{{Service: "db", When: program("psql")}})
	begin(t, &table, policy.Request{Service: "db", When: program("pgbench")}, now)
	f := facts("psql")
	if got := testing.AllocsPerRun(100, func() { table.Decide("db", f, now); table.NeedsProcess("db", now) }); got != 0 {
		t.Errorf("a decision costs %v allocations", got)
	}
}
