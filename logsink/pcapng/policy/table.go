package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// maxRunning is how many temporary recordings there may be at once: each session that opens asks those of its service.
const maxRunning = 64

// Table is who wants what recorded. The zero Table records nothing. Any goroutine may use it; sessions that ask take no
// lock.
//
// A temporary recording goes before the configuration, since a person asked for it by hand, now. Of several whose
// conditions hold the one that was started last decides, alone: its plan is not mixed with others'. When no condition of
// a temporary one holds, the configuration decides as if there were none. So starting a recording never makes a session
// unrecorded that would otherwise have been.
type Table struct {
	mu      sync.Mutex // one who changes at a time
	current atomic.Pointer[wants]
	last    uint64
}

// wants is what a table says. It does not change.
type wants struct {
	standing map[string]Standing
	running  map[string][]*Recording // by service, the one that was started last first
}

func (t *Table) wants() wants {
	if w := t.current.Load(); w != nil {
		return *w
	}
	return wants{}
}

// Decide says how a session is recorded, and false when it is not.
func (t *Table) Decide(service string, facts *flow.Facts, now time.Time) (Decision, bool) {
	w := t.wants()
	for _, r := range w.running[service] {
		if !r.Over(now) && r.When.holds(facts) {
			return Decision{Plan: r.Plan, Recording: r}, true
		}
	}
	if s, some := w.standing[service]; some && s.When.holds(facts) {
		return Decision{Plan: s.Plan}, true
	}
	return Decision{}, false
}

// Standing is what the configuration says of a service, whatever was started beside that; false when it says nothing.
func (t *Table) Standing(service string) (Standing, bool) {
	s, some := t.wants().standing[service]
	return s, some
}

func (w When) holds(facts *flow.Facts) bool { return w == nil || w(facts) }

// Wants says whether there is a plan for a service, whatever its conditions.
func (t *Table) Wants(service string) bool {
	w := t.current.Load()
	if w == nil {
		return false
	}
	_, standing := w.standing[service]
	return standing || len(w.running[service]) > 0
}

// NeedsProcess says whether a decision about a service's sessions needs to know the peer's process.
func (t *Table) NeedsProcess(service string, now time.Time) bool {
	w := t.wants()
	return w.standing[service].NeedsProcess || slices.ContainsFunc(w.running[service], func(r *Recording) bool {
		return r.NeedsProcess && !r.Over(now)
	})
}

// SetStanding takes what the configuration says of all services, in place of what it said before. A service that is not
// among them is not recorded. Temporary recordings go on.
func (t *Table) SetStanding(all []Standing) {
	standing := make(map[string]Standing, len(all))
	for _, s := range all {
		standing[s.Service] = s
	}
	t.change(func(w *wants) { w.standing = standing })
}

// Start begins a temporary recording: of the service's sessions that open from now on.
func (t *Table) Start(q Request, now time.Time) (*Recording, error) {
	switch {
	case q.Service == "":
		return nil, errors.New("start a recording: expected the name of a service")
	case !q.Until.IsZero() && !now.Before(q.Until):
		return nil, fmt.Errorf("start a recording of %s: it would be over already: expected an end after %s, not %s",
			q.Service, now.Format(time.RFC3339), q.Until.Format(time.RFC3339))
	}
	var r *Recording
	t.change(func(w *wants) {
		if w.count() >= maxRunning {
			return
		}
		t.last++
		r = &Recording{ID: t.last, Request: q, Started: now}
		w.running[q.Service] = append([]*Recording{r}, w.running[q.Service]...)
	})
	if r == nil {
		return nil, fmt.Errorf("start a recording of %s: %d run already: expected one of them to be stopped first",
			q.Service, maxRunning)
	}
	return r, nil
}

// Stop ends the temporary recordings of a service, and answers them; those whose time is up are among them. Sessions
// that they began are kept no further.
func (t *Table) Stop(service string) (stopped []*Recording) {
	return t.remove(func(r *Recording) bool { return r.Service == service })
}

// Expire ends the temporary recordings whose time is up, and answers them. They decide nothing before it is called, too.
func (t *Table) Expire(now time.Time) (over []*Recording) {
	return t.remove(func(r *Recording) bool { return r.Over(now) })
}

// List is the temporary recordings that were neither stopped nor expired, in the order in which they were started.
func (t *Table) List() []*Recording {
	w := t.wants()
	return byID(slices.Concat(slices.Collect(maps.Values(w.running))...))
}

func (t *Table) remove(goes func(*Recording) bool) (gone []*Recording) {
	t.change(func(w *wants) {
		for service, all := range w.running {
			var stay []*Recording
			for _, r := range all {
				if goes(r) {
					r.stopped.Store(true)
					gone = append(gone, r)
				} else {
					stay = append(stay, r)
				}
			}
			w.running[service] = stay
		}
	})
	return byID(gone)
}

// change makes a copy of what the table says, lets f change it, and puts it in place.
func (t *Table) change(f func(*wants)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.wants()
	w.running = maps.Clone(w.running)
	if w.running == nil {
		w.running = map[string][]*Recording{}
	}
	f(&w)
	maps.DeleteFunc(w.running, func(_ string, all []*Recording) bool { return len(all) == 0 })
	t.current.Store(&w)
}

func (w *wants) count() (n int) {
	for _, all := range w.running {
		n += len(all)
	}
	return n
}

func byID(all []*Recording) []*Recording {
	slices.SortFunc(all, func(a, b *Recording) int { return int(a.ID) - int(b.ID) })
	return all
}
