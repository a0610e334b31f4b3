package replay

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Of questions that were under way at the same time a recording tells in which order they were asked, and in which they
// were answered. The latter is what locks were given in, so a question is sent as late as it may be: when its answer is the
// next that came. In the recording it may have been one that waits for another session all the same, whose answer
// was a moment later; so when the answer does not come, others are sent that were under way, one by one.
const (
	// grace is how long an answer is waited for before other questions are sent, settle how long before one more is.
	grace  = 20 * time.Millisecond
	settle = 5 * time.Millisecond
	// patienceOvertaken is how long an answer is waited for that another session's has overtaken.
	patienceOvertaken = 100 * time.Millisecond
	// heldBytes is how much of what a session sends is held, at most.
	heldBytes = 1 << 20
)

// hold keeps what a session sends until its answer is wanted. At original speed it waits until it is time first.
func (p *Player) hold(ctx context.Context, st *step) error {
	if p.config.Speed > 0 {
		due := p.began.Add(time.Duration(float64(st.at.Sub(p.origin)) / p.config.Speed))
		never := func() bool { return false }
		if err := p.awaitOrRelease(ctx, time.Until(due), never); !errors.Is(err, errNotYet) {
			return err
		}
	}
	if st.track.line == nil || st.track.line.gone {
		p.report.Unasked += uint64(st.asked)
		return nil
	}
	p.held = append(p.held, st)
	bytes := 0
	for _, h := range p.held {
		if h.track == st.track {
			bytes += len(h.raw)
		}
	}
	if bytes > heldBytes {
		return p.release(ctx, st.track.line)
	}
	return nil
}

// release sends what is held of a session.
func (p *Player) release(ctx context.Context, l *line) error {
	var own []*step
	p.held = slices.DeleteFunc(p.held, func(st *step) bool {
		if st.track.line == l {
			own = append(own, st)
		}
		return st.track.line == l
	})
	for _, st := range own {
		if err := p.put(ctx, l, st); err != nil {
			return err
		}
	}
	return nil
}

// releaseNext sends what is held of the session whose question was answered first.
func (p *Player) releaseNext(ctx context.Context) error {
	first := p.held[0]
	for _, st := range p.held {
		p.script.resolve(st)
		if st.answered != 0 && (first.answered == 0 || st.answered < first.answered) {
			first = st
		}
	}
	return p.release(ctx, first.track.line)
}

// awaitOrRelease waits for cond, and sends more of what was under way when that takes long.
func (p *Player) awaitOrRelease(ctx context.Context, within time.Duration, cond func() bool) error {
	deadline, wait := time.Now().Add(within), grace
	for {
		err := p.await(ctx, min(time.Until(deadline), wait), cond)
		if !errors.Is(err, errNotYet) {
			return err
		}
		switch {
		case !time.Now().Before(deadline):
			return errNotYet
		case len(p.held) > 0:
			wait = settle
			if err := p.releaseNext(ctx); err != nil {
				return err
			}
		case p.overtaken():
			deadline, wait = earlier(deadline, time.Now().Add(patienceOvertaken)), patienceOvertaken
		default:
			wait = grace
		}
	}
}

// overtaken says whether a session got an answer that in the recording comes later than what is awaited. It may have got the
// lock that this waits for, and goes on only when the player does.
func (p *Player) overtaken() bool {
	for l := range p.lines {
		if len(l.played) > 0 {
			return true
		}
	}
	return false
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
