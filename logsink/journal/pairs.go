package journal

import "github.com/lodoor/lodoor/proxy/flow"

// pairs follow each session from the moment its open is taken until its close is in the journal, so that opens and
// closes stay in pairs there. It is one small map since it is the journal's cost of an open session: 18 bytes a place,
// and Go's maps are between 7/16 and 7/8 full.
type pairs map[flow.SessionID]pairState

// pairState says how far a session is.
type pairState uint8

const (
	reserved pairState = 1 << iota // the open was taken and the close was not: it has room in the queue
	begun                          // the open is in the journal and the close is not
)

func (p pairs) is(id flow.SessionID, s pairState) bool { return p[id]&s != 0 }

func (p pairs) set(id flow.SessionID, s pairState) { p[id] |= s }

func (p pairs) clear(id flow.SessionID, s pairState) {
	if left := p[id] &^ s; left != 0 {
		p[id] = left
	} else {
		delete(p, id)
	}
}

// count is how many sessions are so far.
func (p pairs) count(s pairState) (n int) {
	for _, state := range p {
		if state&s != 0 {
			n++
		}
	}
	return n
}

// admit decides what is still undecided of items that are going to be written: all are admitted but the close of a
// session whose open was dropped, and an origin outside its session.
func (q *queue) admit(items []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range items {
		it := &items[i]
		if it.fate != undecided {
			continue
		}
		it.fate = admitted
		switch it.event {
		case flow.EventSessionOpen:
			q.pairs.set(it.session, begun)
		case flow.EventSessionClose, flow.EventSessionOrigin:
			if !q.pairs.is(it.session, begun) {
				it.fate = unpaired
			}
			if it.event == flow.EventSessionClose {
				q.pairs.clear(it.session, begun)
			}
		}
	}
}

// undo takes back what admit did, last first.
func (q *queue) undo(items []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := len(items) - 1; i >= 0; i-- {
		switch it := &items[i]; {
		case it.fate != admitted:
		case it.event == flow.EventSessionOpen:
			q.pairs.clear(it.session, begun)
		case it.event == flow.EventSessionClose:
			q.pairs.set(it.session, begun)
		}
	}
}

// drop says whether an item that cannot be written has to be kept until it can: the close of a session whose open is
// in the journal. Of an open that is not kept it gives up the room that was reserved: its close will not be written.
func (q *queue) drop(it *item) (keep bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if it.event == flow.EventSessionOpen {
		q.pairs.clear(it.session, reserved)
	}
	return it.event == flow.EventSessionClose && q.pairs.is(it.session, begun)
}

// open is how many sessions the journal has open.
func (q *queue) open() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pairs.count(begun)
}
