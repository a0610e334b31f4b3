package rules

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Set is a compiled set of rules. It does not change and may be used by many goroutines.
type Set struct {
	config     Config
	observe    bool // the global setting
	wait       time.Duration
	services   map[string]*door
	order      []string // of services, as given
	warnings   []string
	evaluators *sync.Pool // of *evaluator
}

// Warnings are what is allowed and perhaps not meant, one sentence each, without a final stop.
func (s *Set) Warnings() []string { return slices.Clone(s.warnings) }

// ProcessWait is how long a session waits for the peer's process when Decide needs it.
func (s *Set) ProcessWait() time.Duration { return s.wait }

// NeedsProcess says whether there are peers of a service for which Decide can answer [flow.Need].
func (s *Set) NeedsProcess(service string) bool {
	d := s.services[service]
	return d != nil && slices.ContainsFunc(d.rules, (*rule).asksProcess)
}

// Decide says what is to become of a peer. It is pure, never waits, and allocates nothing for a peer that is let in
// without an expression. The answer is [flow.Need] when it depends on the peer's process, which is not known and was not
// looked for.
func (s *Set) Decide(f *flow.Facts) flow.Verdict {
	d := s.services[f.Service]
	if d == nil {
		return noService(f.Service)
	}
	if f.Peer.Disguised() {
		return disguised(f)
	}
	q := query{set: s, door: d, facts: f}
	found := d.search(&q)
	v := d.conclude(&q, &found)
	q.end()
	return v
}

// door is what applies to one service.
type door struct {
	service string
	unix    bool // the backend is a Unix socket
	set     *Set
	rules   []*rule // that apply, in order
	index   index
	clients index           // for peers that speak for a client elsewhere
	shadows map[*rule]*rule // rules that can never match, and one that comes before each
}

func newDoor(s Service, rules []*rule, set *Set) *door {
	d := &door{service: s.Name, unix: s.UnixBackend, set: set}
	for _, r := range rules {
		if r.appliesTo(s.Name) {
			d.rules = append(d.rules, r)
		}
	}
	d.index, d.shadows = newIndex(d, func(*rule) bool { return true })
	clients, shadows := newIndex(d, (*rule).forClients)
	d.clients = clients
	if s.ProxyProtocol { // a rule that never matches a peer of its own account may still match one that speaks for another
		maps.DeleteFunc(d.shadows, func(r, _ *rule) bool { return r.forClients() && shadows[r] == nil })
	}
	return d
}

// needsOwnUser says whether r lets in only lodoor's own user: the backend takes everybody for that user, and r does
// not say who else may be.
func (d *door) needsOwnUser(r *rule) bool { return d.unix && !r.deny && len(r.Users) == 0 }

// mayUse says whether r may let the peer in at all: before a Unix-socket backend, only lodoor's own user or one that it
// names.
func (q *query) mayUse(r *rule) bool {
	if q.door.needsOwnUser(r) {
		return q.ownUser()
	}
	return !q.door.unix || r.deny || known(&q.facts.Origin)
}

// conditional says whether r, once it matches by place, may still not match, or not decide.
func (d *door) conditional(r *rule) bool {
	return r.conditional || r.observe || d.needsOwnUser(r)
}

// query is one decision at work.
type query struct {
	set   *Set
	door  *door
	facts *flow.Facts
	eval  *evaluator // taken when the first expression is met
}

// end gives back what the query took.
func (q *query) end() {
	if q.eval != nil {
		q.eval.filled = false
		q.set.evaluators.Put(q.eval)
		q.eval = nil
	}
}

// when asks the rule's expression.
func (q *query) when(c *condition) (answer, error) {
	if c == nil {
		return yes, nil
	}
	if q.eval == nil {
		q.eval, _ = q.set.evaluators.Get().(*evaluator)
	}
	return q.eval.ask(c, q.facts, q.set.config.Location)
}

// left asks what the index has not answered of a rule.
func (q *query) left(e *entry) answer {
	if e.when != nil {
		holds, _ := q.when(e.when)
		return holds
	}
	return q.rest(q.door.rules[e.at])
}

// rest asks the conditions of a rule beyond zone and range, cheapest first, and stops when the rule cannot match any
// more: then nobody has to look for the process.
func (q *query) rest(r *rule) answer {
	all := r.onInterface(q.facts)
	if all == no || !r.conditional {
		return all
	}
	all = min(all, r.byUser(q.facts), r.byClient(q.facts))
	if all == no || all == unknown && !r.matches(unknown, q.facts) {
		return all
	}
	all = min(all, r.byForwarder(q.facts), r.byProcess(q.facts))
	if all != no && r.when != nil {
		holds, _ := q.when(r.when)
		all = min(all, holds)
	}
	return all
}

// ownUser says whether the peer's user is lodoor's own.
func (q *query) ownUser() bool {
	o := &q.facts.Origin
	return known(o) && o.UID == q.set.config.UID
}

// finding is what the rules said of a peer. Each is the first of its kind by the rules' order.
type finding struct {
	decides place // the rule that decides; none: the built-in ones do
	asks    bool  // it has to know the process first
	noted   place // before it, a denial that is only told
	passes  place // a denial that is only told, and that surely names the place where the peer is
	held    bool  // a rule would let the peer in, if the backend were not a Unix socket
}

// place is a rule and where it stands; the zero place is none.
type place struct {
	rule *rule
	at   int
}

// before says whether a rule at i comes before p.
func (p place) before(i int) bool { return p.rule != nil && p.at <= i }

// take enters rule i, whose place matches and whose other conditions answered a. It says whether the rule decides. One
// that has to know the process first decides too, for now: what comes after it is not asked.
func (x *finding) take(q *query, i int, a answer) bool {
	r := q.door.rules[i]
	switch {
	case a != pending && !r.matches(a, q.facts):
		return false
	case !q.mayUse(r):
		x.held = x.held || a != pending
		return false
	case a == pending || !r.observe:
		if !x.decides.before(i) {
			x.decides, x.asks = place{r, i}, a == pending
		}
		return true
	}
	if !x.noted.before(i) {
		x.noted = place{r, i}
	}
	if a == yes && r.opens(q.facts) && !x.passes.before(i) {
		x.passes = place{r, i}
	}
	return false
}
