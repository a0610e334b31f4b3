package pcapng

import "github.com/lodoor/lodoor/proxy/flow"

// part is what was read at once and waits until it is written: the first bytes of it as payload, the rest as its length.
type part struct {
	buf     *buffer
	payload []byte // what is not written yet, in buf
	length  uint64 // the same, kept or not
	why     reason
	cost    int64 // taken from the budget
	parked  bool  // its buffer counts among those that wait to be written
}

// whole says whether all of the part is kept.
func (p *part) whole() bool { return p.buf != nil && uint64(len(p.payload)) == p.length }

// take takes at most n bytes off the front. What is taken owns nothing.
func (p *part) take(n uint64) (taken part) {
	taken = part{buf: p.buf, length: min(n, p.length), why: p.why}
	taken.payload = p.payload[:min(taken.length, uint64(len(p.payload)))]
	p.payload = p.payload[len(taken.payload):]
	p.length -= taken.length
	return taken
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
