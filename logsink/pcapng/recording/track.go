package recording

import (
	"container/list"
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// mostLegs is how many connections are followed at the same time. Beyond, the one that was silent for the longest time
	// is taken for over.
	mostLegs = 1 << 17
	// mostOver is how many of those that are over are remembered, so that their last packets begin no new ones.
	mostOver = 1 << 10
	// mostServers is how many addresses are remembered as those that connections go to.
	mostServers = 1 << 12
)

// tracker makes sessions of packets.
type tracker struct {
	want   Leg
	choose func(*Session) bool // nil is every one
	hold   bool                // whether segments that came too early wait for those before them

	interfaces []block.Interface
	legs       map[ends]*leg
	byID       map[string]*session
	waiting    map[string]*leg // back legs of which only the session's identifier is known
	recent     *list.List      // of *leg that are not over, the one that spoke last at the back
	over       []*leg          // a queue
	servers    map[netip.AddrPort]struct{}

	at     time.Time // of the packet in hand
	events []Event   // that were not asked for yet
}

// ends are a connection's two addresses as a sender has them. An interface has its connections to itself.
type ends struct {
	on       uint32
	from, to netip.AddrPort
}

func (e ends) reverse() ends { return ends{e.on, e.to, e.from} }

// session is one with what the tracker has to know of it.
type session struct {
	Session
	legs   [2]*leg // LegFront, LegBack
	chosen bool
	ended  bool
}

// leg is a connection.
type leg struct {
	session *session // nil when nobody has said whose it is
	which   Leg
	ends    ends // as the side has them that connected
	halves  [2]half
	first   uint32 // the sequence number of its SYN
	late    bool   // its SYN was not recorded
	over    bool
	place   *list.Element
}

func newTracker(o *Options) *tracker {
	return &tracker{
		want: o.Leg, choose: o.Session, hold: true, legs: map[ends]*leg{}, byID: map[string]*session{},
		waiting: map[string]*leg{},
		recent:  list.New(), servers: map[netip.AddrPort]struct{}{},
	}
}

// packet takes the next packet. It returns the connection that it is of, nil when of none, and its segment.
func (t *tracker) packet(p *block.Packet) (*leg, segment) {
	t.at = p.At
	s, ok := parsePacket(t.interfaces[p.Interface].Link, p)
	if !ok {
		return nil, s
	}
	about, why := commented(p.Comments)
	l, d := t.find(p.Interface, &s, about)
	if l == nil {
		return nil, s
	}
	t.named(l, about)
	if !l.over {
		t.recent.MoveToBack(l.place)
		t.move(l, d, &s, why)
	}
	return l, s
}

// commented is what a packet's comments say of its session, and why its payload is not whole.
func commented(comments []string) (about *block.Comment, why string) {
	for _, text := range comments {
		c, ok := block.ParseComment(text)
		if !ok {
			continue
		}
		if c.Why != "" {
			why = c.Why
		}
		if c.Session != "" {
			about = &c
		}
	}
	return about, why
}

// move takes what a segment says of both directions.
func (t *tracker) move(l *leg, d flow.Direction, s *segment, why string) {
	from, to := &l.halves[d], &l.halves[1-d]
	tell := func(p *piece) { t.told(l, d, p) }
	back := func(p *piece) { t.told(l, 1-d, p) }
	if s.flags&(flagACK|flagRST) == flagACK {
		to.begin(s.ack)
		to.acknowledged(s.ack, back)
	}
	p := piece{seq: s.seq, payload: s.payload, length: s.length, fin: s.flags&flagFIN != 0, why: why}
	if s.flags&flagSYN != 0 {
		p.seq++
	}
	from.take(p, tell)
	if s.flags&flagRST != 0 {
		from.flush(tell)
		to.flush(back)
		if t.wants(l) {
			t.tell(l, Event{Kind: Reset, Direction: d})
		}
		t.finish(l, false)
	} else if from.fin && to.fin {
		t.finish(l, false)
	}
}
