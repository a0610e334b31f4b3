package journal

import (
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	mergePause    = time.Minute // between two tellings of what was merged
	mergeGroups   = 256         // at most; refusals beyond them are written each
	mergeDistinct = 256         // addresses of a group that are told apart
	mergeSample   = 8           // addresses of a group that are named
)

// refusals are session.refused records that are told together, since those of the segment take their share of it
// already. They are in the journal only with the record that tells them: up to a minute of them ends with a lodoor
// that is killed.
type refusals struct {
	groups map[refusalKey]*refusalGroup
	dueAt  time.Time // when they are to be told; zero when there are none
}

// refusalKey is what refusals that are told together have in common.
type refusalKey struct {
	service  string
	cause    flow.Cause
	tripwire bool
}

type refusalGroup struct {
	record   flow.Record
	distinct map[netip.Addr]struct{}
}

// refusalOf is what merging needs of a session.refused.
func refusalOf(r *flow.Record) *flow.Record {
	c := &flow.Record{Time: r.Time, Event: r.Event, Service: r.Service, Refusal: &flow.Refusal{Count: 1, Distinct: 1}}
	if r.Peer != nil {
		peer := *r.Peer
		c.Peer = &peer
	}
	if r.Verdict != nil {
		verdict := *r.Verdict
		c.Verdict = &verdict
	}
	if r.Refusal != nil {
		*c.Refusal = *r.Refusal
		c.Refusal.Sample = append([]netip.AddrPort(nil), r.Refusal.Sample...)
	}
	return c
}

func keyOf(r *flow.Record) refusalKey {
	k := refusalKey{service: r.Service, tripwire: r.Refusal.Tripwire}
	if r.Verdict != nil {
		k.cause = r.Verdict.Cause
	}
	return k
}

// place says whether there is a group for r, or room for one, which it then takes.
func (m *refusals) place(r *flow.Record) bool {
	key := keyOf(r)
	if m.groups[key] != nil {
		return true
	}
	if len(m.groups) == mergeGroups {
		return false
	}
	if m.groups == nil {
		m.groups = make(map[refusalKey]*refusalGroup)
	}
	g := &refusalGroup{record: *r, distinct: make(map[netip.Addr]struct{})}
	g.record.Refusal = &flow.Refusal{Tripwire: key.tripwire}
	m.groups[key] = g
	return true
}

// add counts r in its group.
func (m *refusals) add(r *flow.Record, now time.Time) {
	if m.dueAt.IsZero() {
		m.dueAt = now.Add(mergePause)
	}
	m.groups[keyOf(r)].add(r)
}

func (g *refusalGroup) add(r *flow.Record) {
	sum, f := g.record.Refusal, r.Refusal
	sum.Count += f.Count
	from := f.Sample
	if len(from) == 0 && r.Peer != nil {
		from = []netip.AddrPort{r.Peer.Addr}
	}
	for _, a := range from {
		g.see(a)
	}
	if f.DistinctCapped || f.Distinct > uint64(len(from)) { // it knows of addresses that it does not name
		sum.DistinctCapped = true
	}
	sum.Distinct = max(sum.Distinct, f.Distinct, uint64(len(g.distinct)))
}

// see counts an address once, and names it while there is room.
func (g *refusalGroup) see(a netip.AddrPort) {
	if _, known := g.distinct[a.Addr()]; known || !a.IsValid() {
		return
	}
	if len(g.distinct) == mergeDistinct {
		g.record.Refusal.DistinctCapped = true
		return
	}
	g.distinct[a.Addr()] = struct{}{}
	if f := g.record.Refusal; len(f.Sample) < mergeSample {
		f.Sample = append(f.Sample, a)
	}
}

// records are those that tell the groups.
func (m *refusals) records() []flow.Record {
	var list []flow.Record
	for _, g := range m.groups {
		if g.record.Refusal.Count > 0 {
			list = append(list, g.record)
		}
	}
	return list
}

// connections are how many refused connections wait to be told.
func (m *refusals) connections() (n uint64) {
	for _, g := range m.groups {
		n += g.record.Refusal.Count
	}
	return n
}

// refusedShare is how many bytes of a segment are for refusals that are told each.
func (w *writer) refusedShare() int64 {
	if w.settings.RefusalsShare >= allRefusalsShare {
		return 1<<63 - 1
	}
	return int64(w.settings.RotateSize) / 100 * int64(w.settings.RefusalsShare)
}

// tellRefusals writes what was merged. What cannot be written stays.
func (w *writer) tellRefusals(now time.Time) {
	records := w.refused.records()
	if len(records) > 0 {
		items := w.items(records)
		for i := range items {
			items[i].record = nil // whoever appended them knows of them
		}
		w.write(items, now)
		if w.broken != nil {
			return
		}
	}
	w.refused = refusals{}
}
