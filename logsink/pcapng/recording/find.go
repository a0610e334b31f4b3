package recording

import (
	"net/netip"
	"strings"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// find finds the connection of a segment and its direction, or makes a new one; nil for a segment of none.
func (t *tracker) find(on uint32, s *segment, named bool) (*leg, flow.Direction) {
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
	case s.length == 0 && !named:
		return nil, 0 // nothing moved
	case t.fromServer(s):
		l := t.begin(e.reverse())
		l.late = true
		return l, flow.FromBackend
	default:
		l := t.begin(e)
		l.late = true
		return l, flow.FromClient
	}
}

// fromServer says which side a segment is from when the connection's begin was not recorded: that of an address that
// others have connected to, or of the port that is not among those which Linux gives to who connects (ip(7),
// ip_local_port_range), or the lower one.
func (t *tracker) fromServer(s *segment) bool {
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
	switch {
	case l.session == nil:
		t.join(l, about)
	case about != nil && l.session.learn(about):
		t.byID[about.Session] = l.session
		t.tell(l, Event{Kind: Named})
	}
}

// join gives a connection its session: the one that the comment names, or a new one. A back leg of which nobody says
// whose it is has none.
func (t *tracker) join(l *leg, about *block.Comment) {
	var s *session
	if about != nil {
		s = t.byID[about.Session]
	}
	known := s != nil
	if !known {
		if about == nil && l.which == LegBack {
			return
		}
		s = &session{Session: Session{Service: serviceOf(t.interfaces[l.ends.on].Name), Opened: t.at, Late: l.late}}
	}
	news := about != nil && s.learn(about)
	if s.ID != "" {
		t.byID[s.ID] = s
	}
	l.session, s.legs[l.which] = s, l
	if l.which == LegBack {
		s.Back, s.Server = l.ends.from, l.ends.to
	} else {
		s.Client, s.Front = l.ends.from, l.ends.to
	}
	if !known {
		s.chosen = t.choose == nil || t.choose(&s.Session)
		t.tell(l, Event{Kind: Opened})
	} else if news {
		t.tell(l, Event{Kind: Named})
	}
	if l.which == LegBack {
		t.tell(l, Event{Kind: Connected})
	}
}
