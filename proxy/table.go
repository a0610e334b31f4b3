package proxy

import (
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// manySessions that have come, or have all left, are worth a collection of their own.
const manySessions = 500

// table holds the open sessions, so that they can be counted, ended and waited for.
type table struct {
	mu      sync.Mutex
	first   *session // of a list, which takes less memory than a map
	open    int
	added   uint64 // ever
	waiters []chan struct{}
	usual   int           // how many were open at the last collection
	peak    int           // the most that were open since then
	crowd   chan struct{} // says that many have come, or that all of many have left
}

func newTable() *table { return &table{crowd: make(chan struct{}, 1)} }

func (t *table) add(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first != nil {
		t.first.prev = s
	}
	s.next, t.first = t.first, s
	t.open++
	t.added++
	t.peak = max(t.peak, t.open)
	if t.open >= t.usual+manySessions {
		t.tellCrowd()
	}
}

func (t *table) remove(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.next != nil {
		s.next.prev = s.prev
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		t.first = s.next
	}
	s.next, s.prev = nil, nil
	t.open--
	if t.open > 0 {
		return
	}
	for _, w := range t.waiters {
		close(w)
	}
	t.waiters = nil
	if t.peak >= manySessions {
		t.tellCrowd()
	}
}

func (t *table) tellCrowd() {
	select {
	case t.crowd <- struct{}{}:
	default:
	}
}

// collected notes that what no session needs has been given back.
func (t *table) collected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.usual, t.peak = t.open, t.open
}

// ever is how many sessions there have been.
func (t *table) ever() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.added
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// attach keeps the hold that a lane has on a session, or had, and answers with what the session is to be ended, if it is.
func (t *table) attach(x *session, c lane.Control) flow.End {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.control = c
	return x.killed
}

// hold is the lane's hold on a session, and the socket that it was given with it; nil while there is none.
func (t *table) hold(x *session) (lane.Control, *lane.Socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.control == nil {
		return nil, nil
	}
	return x.control, x.backend
}

// condemn notes that a session is to be ended and answers the hold on it; nil while there is none.
func (t *table) condemn(x *session, end flow.End) lane.Control {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.killed = end
	return x.control
}

// condemned answers with what a session is to be ended, if it is.
func (t *table) condemned(x *session) flow.End {
	t.mu.Lock()
	defer t.mu.Unlock()
	return x.killed
}

// end notes that a session's close record is on its way: nothing is told of it behind that.
func (t *table) end(x *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.stage.Store(stageOver)
}

// whileOpen calls f, unless the session's close record is on its way; that waits for f.
func (t *table) whileOpen(x *session, f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.stage.Load() != stageOver {
		f()
	}
}

// empty is closed once no session is open.
func (t *table) empty() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := make(chan struct{})
	if t.open == 0 {
		close(c)
	} else {
		t.waiters = append(t.waiters, c)
	}
	return c
}

func (t *table) all() []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*session, 0, t.open)
	for s := t.first; s != nil; s = s.next {
		all = append(all, s)
	}
	return all
}

func (t *table) killAll(end flow.End) {
	for _, s := range t.all() {
		s.kill(end)
	}
}
