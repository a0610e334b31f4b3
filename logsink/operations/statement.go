package operations

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Statement is all that differs in literals only.
type Statement struct {
	Service, System string
	Fingerprint     uint64
	Name, Kind      string
	Text            string // of the first one
	Count           uint64
	Errors          uint64
	Unfinished      uint64
	Rows            uint64 // of those that said
	FromClient      uint64
	FromBackend     uint64
	Total, Max      time.Duration
	FirstByte       time.Duration // in all
	Last            time.Time
	Programs        map[string]uint64 // how often each asked; beyond 16 the rest is under ""

	took histogram
}

const programsMax = 16

type statementKey struct {
	service, name, kind string
	fingerprint         uint64
}

// Mean is the mean time.
func (s *Statement) Mean() time.Duration { return s.Total / time.Duration(max(1, s.Count)) }

// Quantile is the time that the q-th part did not exceed, right to 12 %.
func (s *Statement) Quantile(q float64) time.Duration { return min(s.took.quantile(q), s.Max) }

func keyOf(r *flow.Record) statementKey {
	o := r.Operation
	return statementKey{r.Service, o.Name, o.Kind, o.Fingerprint}
}

func (t *Table) statement(r *flow.Record) {
	o, key := r.Operation, keyOf(r)
	s := t.statements[key]
	if s == nil {
		t.forget()
		s = &Statement{
			Service: r.Service, System: o.System, Fingerprint: o.Fingerprint, Name: o.Name, Kind: o.Kind, Text: o.Text,
			Programs: make(map[string]uint64),
		}
		t.statements[key] = s
	}
	d := took(r)
	s.Count++
	s.Total += d
	s.Max = max(s.Max, d)
	s.took.add(d)
	s.FirstByte += o.FirstByte
	s.FromClient += o.FromClient
	s.FromBackend += o.FromBackend
	if o.Rows > 0 {
		s.Rows += uint64(o.Rows)
	}
	if o.Failed {
		s.Errors++
	}
	if o.Unfinished {
		s.Unfinished++
	}
	if r.Time.After(s.Last) {
		s.Last = r.Time
	}
	program := programOf(r)
	if _, known := s.Programs[program]; !known && len(s.Programs) >= programsMax {
		program = ""
	}
	s.Programs[program]++
}

// forget makes room: a tenth of the statements, those that took the least time in all.
func (t *Table) forget() {
	if len(t.statements) < t.Limits.Statements {
		return
	}
	keys := slices.SortedFunc(maps.Keys(t.statements), func(a, b statementKey) int {
		return cmp.Compare(t.statements[a].Total, t.statements[b].Total)
	})
	for _, key := range keys[:max(1, len(keys)/10)] {
		delete(t.statements, key)
		t.forgotten++
	}
}

// Order is what statements are ordered by, the greatest first.
type Order uint8

// The orders.
const (
	ByTotal Order = iota
	ByMean
	ByMax
	ByCount
	ByErrors
	ByBytes
)

// Statements are the n first by an order; all of them when n is 0.
func (t *Table) Statements(by Order, n int) []*Statement {
	return top(t.statements, n, func(a, b *Statement) int {
		return cmp.Or(cmp.Compare(b.by(by), a.by(by)), cmp.Compare(b.Total, a.Total), cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Text, b.Text), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
}

func (s *Statement) by(o Order) uint64 {
	switch o {
	case ByMean:
		return uint64(s.Mean())
	case ByMax:
		return uint64(s.Max)
	case ByCount:
		return s.Count
	case ByErrors:
		return s.Errors
	case ByBytes:
		return s.FromClient + s.FromBackend
	}
	return uint64(s.Total)
}

// top are the n first of a map's values; all of them when n is 0.
func top[K comparable, V any](m map[K]*V, n int, order func(a, b *V) int) []*V {
	list := slices.SortedFunc(maps.Values(m), order)
	if n > 0 && len(list) > n {
		list = list[:n]
	}
	return list
}
