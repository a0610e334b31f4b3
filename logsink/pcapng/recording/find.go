package recording

import (
	"net/netip"
	"strings"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// find finds the connection of a segment and its direction, or makes a new one; nil for a segment of none.
func (t *tracker) find(on uint32, s *segment, about *block.Comment) (*leg, flow.Direction) {
	e := ends{on, s.from, s.to}
	syn := s.flags&(flagSYN|flagACK) == flagSYN
	if l := t.legs[e]; l != nil && (!syn || !l.late && l.first == s.seq) {
		return l, flow.FromClient
	}
	if l := t.legs[e.reverse()]; l != nil && !syn {
		return l, flow.FromBackend
	}
	switch {
	case syn:
		if len(t.servers) < mostServers {
			t.servers[s.to] = struct{}{}
		}
		l := t.begin(e)
		l.first = s.seq
		return l, flow.FromClient
	case s.length == 0 && about == nil:
		return nil, 0 // nothing moved
	case t.fromServer(s, about):
		l := t.begin(e.reverse())
		l.late = true
		return l, flow.FromBackend
	default:
		l := t.begin(e)
		l.late = true
		return l, flow.FromClient
	}
}

// fromServer says which side a segment is from when the connection's begin was not recorded: what the comment says, or
// that of an address that others have connected to, or of the port that is not among those which Linux gives to who
// connects (ip(7), ip_local_port_range), or the lower one.
func (t *tracker) fromServer(s *segment, about *block.Comment) bool {
	if about != nil && about.Client != "" {
		return about.Client == s.to.String()
	}
	_, from := t.servers[s.from]
	_, to := t.servers[s.to]
	if from != to {
		return from
	}
	const first, last = 32768, 60999
	given := func(a netip.AddrPort) bool { return a.Port() >= first && a.Port() <= last }
	if a, b := given(s.from), given(s.to); a != b {
		return b
	}
	return s.from.Port() < s.to.Port()
}

// begin makes a connection in the place of an earlier one with the same addresses.
func (t *tracker) begin(e ends) *leg {
	for _, old := range []*leg{t.legs[e], t.legs[e.reverse()]} {
		if old != nil {
			t.finish(old, true)
			t.forget(old)
		}
	}
	if t.recent.Len() >= mostLegs {
		t.finish(t.recent.Front().Value.(*leg), true)
	}
	l := &leg{ends: e}
	l.halves[0].hold, l.halves[1].hold = t.hold, t.hold
	if strings.HasSuffix(t.interfaces[e.on].Name, backSuffix) {
		l.which = LegBack
	}
	l.place = t.recent.PushBack(l)
	t.legs[e] = l
	return l
}

// The ends of interfaces' names: SERVICE front, SERVICE back.
const frontSuffix, backSuffix = " front", " back"

func serviceOf(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, frontSuffix), backSuffix)
}

// named takes what a comment says of the session that a connection is of; about is nil when there is none.
func (t *tracker) named(l *leg, about *block.Comment) {
	s := l.session
	switch {
	case s == nil && l.which == LegBack:
		t.joinBack(l, about)
	case s == nil:
		t.open(l, about)
	case about != nil && s.learn(about):
		t.tell(l, Event{Kind: Named})
		t.known(s)
	}
}

// open makes the session that a front leg is of.
func (t *tracker) open(l *leg, about *block.Comment) {
	if about != nil {
		if s := t.byID[about.Session]; s.waitsForFront() {
			t.joinFront(l, s, about)
			return
		}
	}
	s := &session{Session: Session{
		Service: serviceOf(t.interfaces[l.ends.on].Name), Client: l.ends.from, Front: l.ends.to, Opened: t.at, Late: l.late,
	}}
	if about != nil {
		s.learn(about)
	}
	l.session, s.legs[LegFront] = s, l
	s.chosen = t.choose == nil || t.choose(&s.Session)
	t.tell(l, Event{Kind: Opened})
	t.known(s)
}

// waitsForFront says whether only the back leg of a session was seen so far.
func (s *session) waitsForFront() bool { return s != nil && !s.ended && s.legs[LegFront] == nil }

// joinFront gives a front leg its session, which began with its back leg.
func (t *tracker) joinFront(l *leg, s *session, about *block.Comment) {
	l.session, s.legs[LegFront] = s, l
	s.Client, s.Front = l.ends.from, l.ends.to
	s.learn(about)
	t.tell(l, Event{Kind: Named})
}

// known takes note of a session's identifier, for its back leg. When that came first, as a session of its own, it is this
// one's from now on.
func (t *tracker) known(s *session) {
	old := t.byID[s.ID]
	if s.ID == "" || old == s {
		return
	}
	t.byID[s.ID] = s
	if old.waitsForFront() {
		l := old.legs[LegBack]
		t.tell(l, Event{Kind: Ended, Unfinished: true})
		old.ended = true
		t.connect(l, s)
		return
	}
	if l := t.waiting[s.ID]; l != nil {
		delete(t.waiting, s.ID)
		t.connect(l, s)
	}
}

// joinBack gives a back leg its session, when a comment has said whose it is: before, what moves on it is nobody's. The
// front leg may come later where the session had begun before the recording.
func (t *tracker) joinBack(l *leg, about *block.Comment) {
	if about == nil {
		return
	}
	if s := t.byID[about.Session]; s != nil {
		t.connect(l, s)
		if s.learn(about) {
			t.tell(l, Event{Kind: Named})
		}
		return
	}
	if l.late && about.Session != "" {
		t.openBack(l, about)
		return
	}
	if len(t.waiting) < mostOver {
		t.waiting[about.Session] = l
	}
}

// openBack makes the session of which the recording has the back leg first.
func (t *tracker) openBack(l *leg, about *block.Comment) {
	s := &session{Session: Session{Service: serviceOf(t.interfaces[l.ends.on].Name), Opened: t.at, Late: true}}
	s.learn(about)
	l.session, t.byID[s.ID] = s, s
	s.chosen = t.choose == nil || t.choose(&s.Session)
	t.tell(l, Event{Kind: Opened})
	t.connect(l, s)
}

func (t *tracker) connect(l *leg, s *session) {
	l.session, s.legs[LegBack] = s, l
	s.Back, s.Server = l.ends.from, l.ends.to
	t.tell(l, Event{Kind: Connected})
}
