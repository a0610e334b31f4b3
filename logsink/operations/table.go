package operations

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Limits are how much a Table remembers.
type Limits struct {
	Statements int           // 0 is 2,000; those that took the least time go
	Sessions   int           // 0 is 20,000; those of which nothing was heard for longest go
	Idle       time.Duration // how long nothing is asked in an open transaction before that is told; 0 is 10 s
}

// Table adds operations up. It is given the records of a journal, or live ones, in the order of their time; it is for one
// goroutine. The zero value has the limits above.
type Table struct {
	Limits Limits

	statements map[statementKey]*Statement
	programs   map[programKey]*Program
	failures   map[failureKey]*Failure
	suspects   map[suspectKey]*Suspect
	sessions   map[flow.SessionID]*session
	idle       []IdleTransaction
	forgotten  uint64
	first      time.Time
	last       time.Time
	count      uint64
}

// Add takes a record: an operation, or the close of a session. Any other is none of its business.
func (t *Table) Add(r *flow.Record) {
	switch {
	case r.Event == flow.EventSessionClose:
		t.closed(r)
	case r.Operation != nil:
		t.begin()
		t.count++
		if t.first.IsZero() || r.Operation.Started.Before(t.first) {
			t.first = r.Operation.Started
		}
		if r.Time.After(t.last) {
			t.last = r.Time
		}
		t.statement(r)
		t.program(r)
		t.failure(r)
		t.within(r)
	}
}

func (t *Table) begin() {
	if t.statements != nil {
		return
	}
	t.statements, t.programs = make(map[statementKey]*Statement), make(map[programKey]*Program)
	t.failures, t.suspects = make(map[failureKey]*Failure), make(map[suspectKey]*Suspect)
	t.sessions = make(map[flow.SessionID]*session)
	if t.Limits.Statements <= 0 {
		t.Limits.Statements = 2000
	}
	if t.Limits.Sessions <= 0 {
		t.Limits.Sessions = 20_000
	}
	if t.Limits.Idle <= 0 {
		t.Limits.Idle = 10 * time.Second
	}
}

// Count is how many operations were added, and from when to when they were.
func (t *Table) Count() (n uint64, first, last time.Time) { return t.count, t.first, t.last }

// Forgotten is how many rows were forgotten since there were too many; what is told is then not all there was.
func (t *Table) Forgotten() uint64 { return t.forgotten }

// took is how long an operation took, or has taken when it ended unfinished.
func took(r *flow.Record) time.Duration { return max(0, r.Time.Sub(r.Operation.Started)) }

// programOf is the best name that there is for who asked.
func programOf(r *flow.Record) string {
	if r.Origin != nil && r.Origin.Program != "" {
		return r.Origin.Program
	}
	return r.Operation.Application
}
