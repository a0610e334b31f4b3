package coverage

import (
	"slices"
	"time"
)

// service reports on one.
func (p *past) service(name string) Service {
	s := Service{Name: name, Gaps: p.gaps(name), Refusals: []Count{}}
	s.Covered = p.question.Until.Sub(p.question.Since) - union(s.Gaps)
	if t := p.tallies[name]; t != nil {
		s.Sessions, s.Observed, s.Gated, s.Refused, s.Refusals = t.sessions, t.observed, t.gated, t.refused, t.refusals()
	}
	return s
}

// endOf is where a phase ends.
func (p *past) endOf(i int) time.Time {
	if i+1 < len(p.phases) {
		return p.phases[i+1].from
	}
	return p.question.Until
}

// gaps are those of a service in the period, by time.
func (p *past) gaps(name string) []Gap {
	gaps := []Gap{}
	add := func(g Gap) {
		if g, ok := p.clip(g); ok {
			gaps = append(gaps, g)
		}
	}
	add(p.unbegun())
	for i := range p.phases {
		kind := p.phases[i].without(name)
		if kind == "" {
			continue
		}
		g, ok := p.clip(Gap{Kind: kind, From: p.phases[i].from, To: p.endOf(i)})
		if n := len(gaps); ok && n > 0 && gaps[n-1].Kind == kind && gaps[n-1].To.Equal(g.From) {
			g.From = gaps[n-1].From
			gaps = gaps[:n-1]
		}
		if ok {
			gaps = append(gaps, g)
		}
	}
	for _, g := range p.losses {
		add(g)
	}
	slices.SortStableFunc(gaps, func(a, b Gap) int { return a.From.Compare(b.From) })
	for i := range gaps {
		gaps[i].Took = gaps[i].To.Sub(gaps[i].From)
	}
	return gaps
}

// unbegun is the time before the first record.
func (p *past) unbegun() Gap {
	g := Gap{Kind: NotBegun, From: p.question.Since, To: p.first}
	if p.seq > 1 {
		g.Kind = Erased
	}
	return g
}

// without is why a service is not covered in a phase; empty when it is.
func (ph *phase) without(name string) Kind {
	switch {
	case ph.off != "":
		return ph.off
	case !ph.told:
		return NotTold
	case !slices.Contains(ph.services, name):
		return NotServed
	default:
		return ""
	}
}

// clip is what of a gap is in the period. Of dropped records the time may be a moment; of all else that is nothing.
func (p *past) clip(g Gap) (Gap, bool) {
	since, until := p.question.Since, p.question.Until
	if g.To.Before(g.From) { // the clock was set back
		g.From = g.To
	}
	inside := g.From.Before(until) && g.To.After(since) ||
		g.Kind == Dropped && g.From.Equal(g.To) && !g.From.Before(since) && g.From.Before(until)
	if !inside || g.Kind != Dropped && !g.From.Before(g.To) {
		return g, false
	}
	if g.From.Before(since) {
		g.From = since
	}
	if g.To.After(until) {
		g.To = until
	}
	g.From, g.To = g.From.UTC(), g.To.UTC()
	return g, true
}

// union is how much time the gaps take together; they are sorted by their beginning.
func union(gaps []Gap) time.Duration {
	var sum time.Duration
	var end time.Time
	for _, g := range gaps {
		if g.From.After(end) || end.IsZero() {
			end = g.From
		}
		if g.To.After(end) {
			sum += g.To.Sub(end)
			end = g.To
		}
	}
	return sum
}
