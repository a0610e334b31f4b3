package origin

import "time"

// patience is how often those who wait are asked whether they still do.
const patience = time.Millisecond

// keepSeeks is how many searches there is room kept for after a storm.
const keepSeeks = 1024

// party are the searches that are made together. What is over stays among them until sweep.
type party struct {
	seeks []seek
	now   func() time.Time
	asked time.Time // whether they still wait
	open  int       // how many did
}

// waits says whether anybody does. It lets those go that are not wanted any more, and answers those whose time is up
// with what was known before. Asking costs something, so that it is done now and then only.
func (p *party) waits() bool {
	now := p.now()
	if now.Sub(p.asked) < patience {
		return p.open > 0
	}
	p.ask(now)
	return p.open > 0
}

func (p *party) ask(now time.Time) {
	p.asked, p.open = now, 0
	for i := range p.seeks {
		switch s := &p.seeks[i]; {
		case s.over:
		case !s.by.Wanted():
			s.end()
		case !s.leads() || !now.Before(s.deadline):
			s.answer(s.known)
		default:
			p.open++
		}
	}
}

// answer ends those that still wait with what was known before.
func (p *party) answer() {
	for i := range p.seeks {
		if s := &p.seeks[i]; !s.over {
			s.answer(s.known)
		}
	}
}

// tried notes that all have been tried where it costs little.
func (p *party) tried() {
	for i := range p.seeks {
		p.seeks[i].tried = true
	}
}

// left is what is to be known of those who still wait.
type left struct {
	first   time.Time // when the time of the first one is up; zero when nobody waits
	untried bool      // one has not been tried where it costs little
	urgent  bool      // one is urgent
}

// sweep puts away what is over.
func (p *party) sweep() (l left) {
	rest := p.seeks[:0]
	for _, s := range p.seeks {
		if s.over {
			continue
		}
		rest = append(rest, s)
		l.untried = l.untried || !s.tried
		l.urgent = l.urgent || s.urgent
		if l.first.IsZero() || s.deadline.Before(l.first) {
			l.first = s.deadline
		}
	}
	clear(p.seeks[len(rest):]) // seekers are sessions, not to be held
	p.seeks, p.open = rest, len(rest)
	if len(rest) == 0 && cap(rest) > keepSeeks {
		p.seeks = nil
	}
	return l
}
