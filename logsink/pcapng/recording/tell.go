package recording

import "github.com/lodoor/lodoor/proxy/flow"

// wants says whether what moves on a connection is told.
func (t *tracker) wants(l *leg) bool { return t.want == LegBoth || t.want == l.which }

// tell tells an event of a connection's session.
func (t *tracker) tell(l *leg, e Event) {
	s := l.session
	if s == nil || !s.chosen || s.ended {
		return
	}
	e.Session, e.At, e.Leg = &s.Session, t.at, l.which
	t.events = append(t.events, e)
}

// told tells a piece of a direction.
func (t *tracker) told(l *leg, d flow.Direction, p *piece) {
	if !t.wants(l) {
		return
	}
	if p.length > 0 {
		t.tell(l, Event{Kind: Data, Direction: d, Payload: p.payload, Missing: p.missing(), Why: p.why})
	}
	if p.fin {
		t.tell(l, Event{Kind: Shut, Direction: d})
	}
}

// finish ends a connection, and its session when nothing more of that will be told.
func (t *tracker) finish(l *leg, unfinished bool) {
	if l.over {
		return
	}
	for d := range l.halves {
		l.halves[d].flush(func(p *piece) { t.told(l, flow.Direction(d), p) })
	}
	l.over = true
	t.recent.Remove(l.place)
	if t.over = append(t.over, l); len(t.over) > mostOver {
		t.forget(t.over[0])
		t.over = t.over[1:]
	}
	s := l.session
	if s == nil || s.ended {
		return
	}
	for _, other := range s.legs {
		if other != nil && !other.over && t.wants(other) {
			return
		}
	}
	t.tell(l, Event{Kind: Ended, Unfinished: unfinished})
	s.ended = true
}

// forget lets go of a connection that is over.
func (t *tracker) forget(l *leg) {
	for _, e := range []ends{l.ends, l.ends.reverse()} {
		if t.legs[e] == l {
			delete(t.legs, e)
		}
	}
	if s := l.session; s != nil && s.ended && t.byID[s.ID] == s {
		delete(t.byID, s.ID)
	}
}

// close ends everything that the recording has no end of.
func (t *tracker) close() {
	for t.recent.Len() > 0 {
		t.finish(t.recent.Front().Value.(*leg), true)
	}
	t.interfaces = nil
	clear(t.legs)
	clear(t.byID)
	clear(t.waiting)
	t.over = nil
}
