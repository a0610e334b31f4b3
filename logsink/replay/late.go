package replay

import (
	"context"
	"errors"
)

// advance goes on with a session that is late, as far as its own answers have come. It does not wait for them.
func (p *Player) advance(ctx context.Context, l *line) error {
	for len(l.todo) > 0 && (l.have >= l.need || l.over) {
		st := l.todo[0]
		l.todo = l.todo[1:]
		p.aside -= st.size()
		switch st.kind {
		case stepSend:
			if err := p.put(ctx, l, st); err != nil {
				return err
			}
		case stepAnswer:
			p.expect(l, st)
		case stepStop, stepEnd:
			if st.kind == stepStop {
				p.report.unplayed(st)
			}
			p.drop(l)
			return nil
		case stepShut:
			l.finish()
		}
	}
	if len(l.todo) == 0 && (l.have >= l.need || l.over) {
		l.late = false
		delete(p.late, l)
	}
	return nil
}

// drain sends what nobody has waited for, and lets the sessions that are late come to their ends.
func (p *Player) drain(ctx context.Context) error {
	for len(p.held) > 0 {
		if err := p.releaseNext(ctx); err != nil {
			return err
		}
	}
	for len(p.late) > 0 {
		waiting, questions := len(p.late), p.report.Questions
		err := p.giveUp(ctx, func() bool { return len(p.late) < waiting || p.report.Questions > questions })
		if err != nil {
			return err
		}
	}
	return nil
}

// giveUp waits until cond holds. When that takes too long, the sessions that are late are ended: they wait for each other,
// or for somebody who is not in the recording.
func (p *Player) giveUp(ctx context.Context, cond func() bool) error {
	err := p.await(ctx, p.config.GiveUp, cond)
	if !errors.Is(err, errNotYet) {
		return err
	}
	for l := range p.late {
		p.drop(l)
	}
	return nil
}
