package pcapng

import "github.com/lodoor/lodoor/proxy/flow"

// stretch is length bytes of a direction, the first of them as payload.
type stretch struct {
	buf     *buffer // that the payload is in
	payload []byte
	length  uint64
	why     reason // for what is not kept
}

// whole says whether all of it is kept.
func (s *stretch) whole() bool { return s.buf != nil && uint64(len(s.payload)) == s.length }

// take takes at most n bytes off the front.
func (s *stretch) take(n uint64) stretch {
	taken := stretch{buf: s.buf, length: min(n, s.length), why: s.why}
	taken.payload = s.payload[:min(taken.length, uint64(len(s.payload)))]
	s.payload = s.payload[len(taken.payload):]
	s.length -= taken.length
	return taken
}

// part is what was read at once and waits until it is written: what is not written of it yet. Its buffer is its own.
type part struct {
	stretch
	cost   int64 // taken from the budget
	parked bool  // its buffer counts among those that wait to be written
}

// parked are the parts of a direction, the oldest first. There are few: a lane writes before it reads on.
type parked struct {
	parts []part
	head  int
}

func (q *parked) some() bool { return q.head < len(q.parts) }

func (q *parked) first() *part { return &q.parts[q.head] }

func (q *parked) drop() {
	q.parts[q.head] = part{}
	if q.head++; q.head == len(q.parts) {
		q.parts, q.head = q.parts[:0], 0
	}
}

// push adds a part. Lengths become one.
func (q *parked) push(p *part) {
	if q.some() {
		last := &q.parts[len(q.parts)-1]
		if last.buf == nil && p.buf == nil && last.why == p.why {
			last.length += p.length
			return
		}
	}
	q.parts = append(q.parts, *p)
}

// join adds a part to the last one, when all of both is kept and that one's buffer, of the smallest, has room for it. Who
// sends to a gate byte by byte would otherwise take a buffer for each. Larger reads stay what they were.
func (q *parked) join(p *part) bool {
	if !q.some() {
		return false
	}
	last := &q.parts[len(q.parts)-1]
	if !last.whole() || last.buf.class > 0 || !p.whole() || cap(last.payload)-len(last.payload) < len(p.payload) {
		return false
	}
	last.payload = append(last.payload, p.payload...)
	last.length += p.length
	last.cost, p.cost = last.cost+p.cost, 0
	return true
}

// park keeps a part until it is written; at once says that this is known already. Clients that do not read must not take
// the memory from all others: when half of it waits for them, the rest waits as lengths. A session that waits for the disk
// loses nothing by that.
func (s *session) park(d flow.Direction, p *part, atOnce bool) {
	if s.parked[d].join(p) {
		s.release(p)
		return
	}
	if p.buf != nil && !atOnce {
		p.parked = true
		if !s.tap.rec.memory.park(p.buf) && !s.tap.Plan.Hold {
			s.strip(p, whySlowDisk)
		}
	}
	s.parked[d].push(p)
}

// release gives back what a part took, written or not.
func (s *session) release(p *part) {
	r := s.tap.rec
	r.budget.settle(s.tap.charged(p.cost), 0)
	p.cost = 0
	if p.buf != nil {
		if p.parked {
			r.memory.unpark(p.buf)
		}
		r.writer.spent.add(s.tap, p.buf)
		p.buf, p.payload, p.parked = nil, nil, false
	}
}

// strip leaves only the length of a part.
func (s *session) strip(p *part, why reason) {
	s.release(p)
	p.why = why
}

// abandon gives back what will not be written any more.
func (s *session) abandon() {
	for d := range s.parked {
		for q := &s.parked[d]; q.some(); q.drop() {
			s.release(q.first())
		}
	}
}
