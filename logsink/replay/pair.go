package replay

import (
	"errors"
	"io"
	"time"
)

// expect takes a recorded answer.
func (p *Player) expect(l *line, st *step) {
	l.need++
	l.recorded = append(l.recorded, half{st.x, st.took})
	p.pair(l)
}

// pair compares the answers of which both have come.
func (p *Player) pair(l *line) {
	for len(l.recorded) > 0 && len(l.played) > 0 {
		recorded, played := l.recorded[0], l.played[0]
		l.recorded[0], l.played[0] = half{}, half{}
		l.recorded, l.played = l.recorded[1:], l.played[1:]
		l.size -= played.x.Size
		p.compare(l, recorded, played)
	}
	l.allow(0)
}

func (p *Player) compare(l *line, recorded, played half) {
	if recorded.x.Fingerprint != 0 {
		p.report.Questions++
	}
	c := p.config.Protocol.Compare(recorded.x, played.x)
	for _, rule := range c.Ignored {
		p.report.Ignored[rule]++
	}
	p.times.add(recorded.x, recorded.took, played.took)
	if !c.Same {
		p.differs(l, recorded.x, c.What, c.Recorded, c.Played)
	}
}

func (p *Player) differs(l *line, x *Exchange, what, recorded, played string) {
	p.report.differs(Difference{
		Session: l.track.name(), Program: l.track.session.Program, Time: x.Asked, After: x.Asked.Sub(p.origin),
		Operation: x.Name, What: what, Recorded: recorded, Played: played,
	})
}

// unpaired tells the recorded answers that never came.
func (p *Player) unpaired(l *line) {
	p.pair(l)
	for _, st := range l.todo {
		p.report.Unasked += uint64(st.asked)
		p.aside -= st.size()
	}
	l.todo = nil
	if len(l.recorded) == 0 {
		return
	}
	why := "none; other sessions went on, and it did not come"
	if l.over {
		why = "none: " + l.ending()
	}
	p.differs(l, l.recorded[0].x, "the answer", "an answer", why)
	p.report.Unanswered += uint64(len(l.recorded) - 1)
	l.recorded = nil
}

// ending says in words why nothing more comes.
func (l *line) ending() string {
	if l.why == nil || errors.Is(l.why, io.EOF) {
		return "the backend closed the connection"
	}
	return l.why.Error()
}

// own is how long an answer took of its own: from its question, from the session's answer before it, or from the answer of
// another session that came last before it, since it may have waited for a lock that this one held.
func (p *Player) own(l *line, x *Exchange) time.Duration {
	from := x.Asked
	if l.last.After(from) {
		from = l.last
	}
	if p.lastLine != l && p.lastAnswer.After(from) {
		from = p.lastAnswer
	}
	return max(0, x.Answered.Sub(from))
}
