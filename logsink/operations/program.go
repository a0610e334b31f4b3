package operations

import (
	"cmp"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// rowsMax is how many programs, failures and suspects there are at most; what comes beyond is only counted as forgotten.
const rowsMax = 1000

// Program is what one program asked of a service.
type Program struct {
	Service, Program string
	Count, Errors    uint64
	Total            time.Duration
	FromClient       uint64
	FromBackend      uint64
	Last             time.Time
}

type programKey struct{ service, program string }

func (t *Table) program(r *flow.Record) {
	key := programKey{r.Service, programOf(r)}
	p := row(t, t.programs, key, func() Program { return Program{Service: key.service, Program: key.program} })
	if p == nil {
		return
	}
	p.Count++
	p.Total += took(r)
	p.FromClient += r.Operation.FromClient
	p.FromBackend += r.Operation.FromBackend
	p.Last = r.Time
	if r.Operation.Failed {
		p.Errors++
	}
}

// Programs are the n that took the most time; all of them when n is 0.
func (t *Table) Programs(n int) []*Program {
	return top(t.programs, n, func(a, b *Program) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Program, b.Program))
	})
}

// Failure is all that failed with one status.
type Failure struct {
	Service, Status string
	Error           string // of the last one, as far as it was told
	Count           uint64
	Name, Text      string // of the last one
	Program         string
	Last            time.Time
}

type failureKey struct{ service, status string }

func (t *Table) failure(r *flow.Record) {
	o := r.Operation
	if !o.Failed {
		return
	}
	key := failureKey{r.Service, o.Status}
	f := row(t, t.failures, key, func() Failure { return Failure{Service: key.service, Status: key.status} })
	if f == nil {
		return
	}
	f.Count++
	f.Error, f.Name, f.Text, f.Program, f.Last = o.Error, o.Name, o.Text, programOf(r), r.Time
}

// Failures are the n most frequent; all of them when n is 0.
func (t *Table) Failures(n int) []*Failure {
	return top(t.failures, n, func(a, b *Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Status, b.Status))
	})
}

// row is that of a key, made when there is none; nil when there are too many.
func row[K comparable, V any](t *Table, rows map[K]*V, key K, fresh func() V) *V {
	v := rows[key]
	switch {
	case v != nil:
	case len(rows) >= rowsMax:
		t.forgotten++
	default:
		made := fresh()
		v = &made
		rows[key] = v
	}
	return v
}
