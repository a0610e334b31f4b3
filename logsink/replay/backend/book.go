package backend

import (
	"crypto/sha256"
	"slices"
	"sort"
	"sync"
)

// key is what makes two questions the same: a digest, so that a long question costs no more than a short one.
type key [16]byte

// keyOf is the key of a question made of parts; where one ends matters.
func keyOf(kind byte, parts ...[]byte) key {
	h := sha256.New()
	h.Write([]byte{kind})
	for _, p := range parts {
		n := len(p)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write(p)
	}
	return key(h.Sum(nil)[:16])
}

// take is a question of the recording with its answer.
type take struct {
	key    key
	answer []byte
	// quiet says that the answer is the same wherever in the session the question stands, or nearly: a client that asks it
	// does not move on by it.
	quiet bool
	// failed says that PostgreSQL passed over the questions behind it, closes that the service closed the connection.
	failed, closes bool
	// state is what PostgreSQL's ReadyForQuery said of the transaction behind the answer; 0 when it said nothing.
	state byte
	// copied says that the answer waits for the client's data: data is the key of these, and then the answer to them.
	copied bool
	data   key
	then   []byte
}

func (t *take) size() int { return takeCost + len(t.answer) + len(t.then) }

// takeCost is about what a question costs in memory beside its answer.
const takeCost = 200

// script is a recorded session.
type script struct {
	who   string // for whom it was: of the same the answers are preferred
	takes []take
	// opening are the places of the first questions that are not quiet.
	opening []int
}

// openingMax is how many of a client's first questions are held against those of the recorded sessions.
const openingMax = 64

func (s *script) add(t take) {
	if !t.quiet && len(s.opening) < openingMax {
		s.opening = append(s.opening, len(s.takes))
	}
	s.takes = append(s.takes, t)
}

// alike is how many of the first questions are those of a client.
func (s *script) alike(asked []key) int {
	n := 0
	for n < len(asked) && n < len(s.opening) && s.takes[s.opening[n]].key == asked[n] {
		n++
	}
	return n
}

// entry says where in a script a question stands.
type entry struct {
	script *script
	at     []int // ascending
}

// page is all of one question. turn is the entry that serves the next client that has no session yet: as many clients
// as there were get a session each.
type page struct {
	entries []entry
	turn    int
}

// book is a recording, to be looked up in.
type book struct {
	mu    sync.Mutex
	pages map[key]*page
}

// write adds a script once it is whole.
func (b *book) write(s *script) {
	if b.pages == nil {
		b.pages = map[key]*page{}
	}
	for i := range s.takes {
		t := &s.takes[i]
		b.note(t.key, s, i)
		if t.copied {
			b.note(t.data, s, i)
		}
	}
}

func (b *book) note(k key, s *script, at int) {
	p := b.pages[k]
	if p == nil {
		p = &page{}
		b.pages[k] = p
	}
	if n := len(p.entries); n == 0 || p.entries[n-1].script != s {
		p.entries = append(p.entries, entry{script: s})
	}
	e := &p.entries[len(p.entries)-1]
	e.at = append(e.at, at)
}

// follower is the place of one client in the recording.
type follower struct {
	book  *book
	who   string
	now   *script
	at    int   // the next question's place in now
	asked []key // the first questions
}

// next finds the answer to a question and goes on behind it; nil when the recording has not got the question.
func (f *follower) next(k key) *take {
	s, i := f.find(k, f.onward)
	if s == nil {
		return nil
	}
	t := &s.takes[i]
	f.now, f.at = s, i+1
	if len(f.asked) < openingMax {
		f.asked = append(f.asked, t.key)
	}
	return t
}

// look is next without going on.
func (f *follower) look(k key) *take {
	s, i := f.find(k, f.onward)
	if s == nil {
		return nil
	}
	return &s.takes[i]
}

// peek finds the answer to a quiet question.
func (f *follower) peek(k key) *take {
	s, i := f.find(k, f.near)
	if s == nil {
		return nil
	}
	return &s.takes[i]
}

// find looks in the session that the client follows, then in the others. place picks one of a question's places in the
// session that it follows.
func (f *follower) find(k key, place func(at []int) (int, bool)) (*script, int) {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	p := f.book.pages[k]
	if p == nil {
		return nil, 0
	}
	own := slices.IndexFunc(p.entries, func(e entry) bool { return e.script == f.now })
	if own >= 0 {
		if i, ok := place(p.entries[own].at); ok || len(p.entries) == 1 {
			return f.now, i
		}
	}
	best := f.best(p, own)
	if best < 0 {
		i, _ := place(p.entries[own].at)
		return f.now, i
	}
	e := &p.entries[best]
	p.turn = (best + 1) % len(p.entries)
	return e.script, e.from(f.reached(e.script))
}

// onward is the next place ahead; what lies behind, the last of it, is good only when nobody else has the question.
func (f *follower) onward(at []int) (int, bool) {
	if n := sort.SearchInts(at, f.at); n < len(at) {
		return at[n], true
	}
	return at[len(at)-1], false
}

// near is the place that comes before the next question that is not quiet, or else the last one behind, or else the first.
func (f *follower) near(at []int) (int, bool) {
	n := sort.SearchInts(at, f.at)
	if n < len(at) && (n == 0 || f.quietUpTo(at[n])) {
		return at[n], true
	}
	return at[n-1], true
}

func (f *follower) quietUpTo(i int) bool {
	return !slices.ContainsFunc(f.now.takes[f.at:i], func(t take) bool { return !t.quiet })
}

// lookMax is how many sessions that have a question are compared with each other.
const lookMax = 1024

// best is the entry of the session that is most like the client's, of others than own; -1 when there is none.
func (f *follower) best(p *page, own int) int {
	best, most := -1, -1
	for n := range min(len(p.entries), lookMax) {
		i := (p.turn + n) % len(p.entries)
		if i == own {
			continue
		}
		s := p.entries[i].script
		like := s.alike(f.asked)
		if s.who == f.who {
			like += openingMax + 1
		}
		if like > most {
			best, most = i, like
		}
	}
	return best
}

// reached is where in a script the client is that has asked its first questions.
func (f *follower) reached(s *script) int {
	if n := s.alike(f.asked); n > 0 && n == len(f.asked) {
		return s.opening[n-1] + 1
	}
	return 0
}

func (e *entry) from(at int) int {
	if n := sort.SearchInts(e.at, at); n < len(e.at) {
		return e.at[n]
	}
	return e.at[0]
}
