package proxy

import (
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
)

// manySessions are worth a collection of their own once they have all left.
const manySessions = 500

// table holds the open sessions, so that they can be counted, ended and waited for.
type table struct {
	mu       sync.Mutex
	sessions map[flow.SessionID]*session
	waiters  []chan struct{}
	peak     int           // the most that were open since quiet was told
	quiet    chan struct{} // says that none is open after many were
}

func newTable() *table {
	return &table{sessions: make(map[flow.SessionID]*session), quiet: make(chan struct{}, 1)}
}

func (t *table) add(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sessions[s.id] = s
	t.peak = max(t.peak, len(t.sessions))
}

func (t *table) remove(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.sessions, s.id)
	if len(t.sessions) > 0 {
		return
	}
	for _, w := range t.waiters {
		close(w)
	}
	t.waiters = nil
	if t.peak >= manySessions {
		t.peak = 0
		select {
		case t.quiet <- struct{}{}:
		default:
		}
	}
}

func (t *table) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sessions)
}

// empty is closed once no session is open.
func (t *table) empty() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := make(chan struct{})
	if len(t.sessions) == 0 {
		close(c)
	} else {
		t.waiters = append(t.waiters, c)
	}
	return c
}

func (t *table) killAll(end flow.End) {
	t.mu.Lock()
	all := make([]*session, 0, len(t.sessions))
	for _, s := range t.sessions {
		all = append(all, s)
	}
	t.mu.Unlock()
	for _, s := range all {
		s.kill(end)
	}
}
