package pcapng

import (
	"fmt"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// The legs of a session, which are the interfaces of its file.
const (
	legFront = iota
	legBack
)

// nearLeg is where a direction's bytes are read, farLeg where they are written.
func nearLeg(d flow.Direction) int { return int(d) }

func farLeg(d flow.Direction) int { return 1 - int(d) }

// session is what the writer knows of one: its two legs as TCP connections, and what was read of it and is not written
// yet. A leg shows what its own far end saw: bytes that lodoor has read stand on the one leg, and on the other once they
// are written.
type session struct {
	tap     *tap
	file    *file
	legs    [2]stream
	parked  [2]parked // by direction
	segment segment   // in hand
	shut    [2]bool   // by direction: the source has closed it
	known   bool      // the back leg's addresses were, when the session was given its file
	now     int64     // time of what is in hand
	at      int64     // time of the last packet

	// commented are the times of the last whole comment on a leg, in the file of that generation; 0 is none.
	commented  [2]int64
	generation uint64
	named      *flow.Origin // what the comments have told
}

// open writes the front's handshake.
func (s *session) open() error {
	t := s.tap
	s.legs[legFront].init(s, legFront, t.client, t.front)
	return s.legs[legFront].open()
}

// connected writes the backend's handshake.
func (s *session) connected() error {
	t := s.tap
	s.legs[legBack].init(s, legBack, t.leg, t.server)
	return s.legs[legBack].open()
}

// pass shows what was told and what was written. An entry of lengths has both directions, the client's first since a
// question precedes its answer.
func (s *session) pass(e *entry) error {
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		if e.length[d] > 0 {
			if err := s.told(d, e); err != nil {
				return err
			}
		}
		if e.written[d] > 0 {
			s.now = max(e.at, e.writtenAt)
			if err := s.written(d, e.written[d]); err != nil {
				return err
			}
			s.now = e.at
		}
	}
	return nil
}

// told shows what was read, where it was read, and parks it until it is written. The entry's payload is the parked
// part's then.
func (s *session) told(d flow.Direction, e *entry) error {
	p := part{stretch: stretch{length: e.length[d], why: e.why}}
	if e.buf != nil && e.dir == d {
		p.buf, p.payload, p.cost = e.buf, e.buf.b, e.cost
		e.buf, e.cost = nil, 0
		s.redact(d, &p)
	} else {
		s.overlook(d, &p)
	}
	before := s.file.payload
	err := s.legs[nearLeg(d)].pass(d, p.stretch)
	if err != nil {
		s.tap.rec.lost.Add(uint64(len(p.payload)) - (s.file.payload - before))
	}
	if err != nil || farLeg(d) == legBack && s.tap.Plan.FrontOnly {
		s.release(&p)
		return err
	}
	s.park(d, &p, e.written[d] >= e.length[d])
	return nil
}

// redact overwrites what must not be kept, and cuts off what is not to be.
func (s *session) redact(d flow.Direction, p *part) {
	t := s.tap
	if r := t.redactor; r != nil && (t.blind.Load() || !r.Redact(d, p.payload)) {
		t.blind.Store(true)
		t.rec.secret.Add(uint64(len(p.payload)))
		s.strip(p, whyNotRedactable)
	}
	if snap := t.Plan.SnapPayload; snap > 0 && p.length > uint64(snap) && p.buf != nil {
		p.payload, p.why = p.payload[:min(len(p.payload), int(snap))], whySnap
	}
}

// overlook tells the redactor of bytes that nobody can show it.
func (s *session) overlook(d flow.Direction, p *part) {
	t := s.tap
	if t.redactor == nil || t.blind.Load() {
		return
	}
	if !t.redactor.Skip(d, p.length) {
		t.blind.Store(true)
	}
}

// written shows the next n bytes of what was read where they were written.
func (s *session) written(d flow.Direction, n uint64) error {
	for q := &s.parked[d]; n > 0 && q.some(); {
		p := q.first()
		taken := p.take(n)
		if err := s.legs[farLeg(d)].pass(d, taken); err != nil {
			return err
		}
		if n -= taken.length; p.length == 0 {
			s.release(p)
			q.drop()
		}
	}
	return s.closeFar(d)
}

// answered shows what lodoor said itself, which is on the front only, and lets go of what it answered.
func (s *session) answered(e *entry) error {
	p := stretch{buf: e.buf, length: e.length[e.dir], why: e.why}
	if e.buf != nil {
		p.payload = e.buf.b
	}
	for q, n := &s.parked[flow.FromClient], e.taken; n > 0 && q.some(); {
		first := q.first()
		if n -= first.take(n).length; first.length == 0 {
			s.release(first)
			q.drop()
		}
	}
	if r := s.tap.redactor; r != nil && !s.tap.blind.Load() {
		r.Answered(e.taken, p.payload)
	}
	return s.legs[legFront].pass(e.dir, p)
}

// close shows that a direction's source closed it: at once where it was read, and on the other leg behind all that was
// read before.
func (s *session) close(d flow.Direction) error {
	s.shut[d] = true
	if err := s.legs[nearLeg(d)].shut(d); err != nil {
		return err
	}
	return s.closeFar(d)
}

func (s *session) closeFar(d flow.Direction) error {
	if !s.shut[d] || s.parked[d].some() {
		return nil
	}
	return s.legs[farLeg(d)].shut(d)
}

// end shows that both sides closed in order.
func (s *session) end() error {
	if err := s.legs[legBack].end(); err != nil {
		return err
	}
	return s.legs[legFront].end()
}

// reset shows who ended the session: that one's reset where it came from, and lodoor's on the other leg.
func (s *session) reset(by flow.Side) error {
	first, then := legFront, legBack
	from := [2]flow.Direction{flow.FromBackend, flow.FromClient} // who is shown to reset each leg: lodoor
	switch by {
	case flow.SideClient:
		from[legFront] = flow.FromClient
	case flow.SideBackend:
		from[legBack] = flow.FromBackend
		first, then = then, first
	}
	if err := s.legs[first].reset(from[first]); err != nil {
		return err
	}
	return s.legs[then].reset(from[then])
}

// emit writes a packet of a leg.
func (s *session) emit(leg uint32, seg *segment) error {
	at := s.file.stamp(s, s.now)
	var c block.Comment
	s.comment(leg, at, seg, &c)
	if missing := seg.missing(); missing > 0 {
		c.NotKept, c.Why = uint64(missing), seg.why.String()
	}
	seg.counted = s.tap.Plan.FrontOnly || leg == uint32(nearLeg(seg.dir))
	return s.file.write(leg, at, seg, &c)
}

// comment says whose packet it is, on the first of each leg in a file, and what has been found out since.
func (s *session) comment(leg uint32, at int64, seg *segment, c *block.Comment) {
	t := s.tap
	if s.generation != s.file.generation {
		s.generation, s.commented = s.file.generation, [2]int64{}
	}
	origin := t.origin.Load()
	whole := s.commented[leg] == 0 || s.file.repeats(at-s.commented[leg])
	if !whole && (leg != legFront || origin == s.named) {
		return
	}
	c.Session = t.id.String()
	if origin != nil && origin.Known() {
		c.Program, c.User, c.PID = short(origin.Program), short(origin.User), origin.PID
		if c.User == "" {
			c.User = fmt.Sprint(origin.UID)
		}
	}
	if leg == legFront {
		s.named = origin
	}
	if whole {
		s.commented[leg] = at
		c.Service, c.Verdict, c.Rule = short(t.service), t.verdict.Action.String(), short(t.verdict.Rule)
		if t.redactor != nil {
			c.Redacted = t.Plan.Redact.String()
		}
		if seg.flags&flagSYN == 0 { // which has been in another file, or is no longer in the ring
			c.Client = s.legs[leg].halves[flow.FromClient].addr.String()
		}
	}
}

// maxText is how much of a name is in a comment.
const maxText = 64

func short(text string) string { return text[:min(len(text), maxText)] }
