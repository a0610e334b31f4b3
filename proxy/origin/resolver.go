package origin

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// rest is the time after each search in which nobody is looked for. In a storm of short sessions it gathers those that
// come, most of whom will not wait any more, and spares them the price of waking somebody; who comes alone does not
// wait.
const (
	rest = 2 * time.Millisecond
	// lull is how long a search waits for the session that wants it.
	lull = time.Millisecond
	// restGlance is the same after a glance, as a multiple of what that took: in a storm glances take a fortieth of a
	// processor and leave the rest to scans, which find whoever stays.
	restGlance = share * 4
	restMax    = 40 * time.Millisecond
)

// ResolverConfig says how a [Resolver] looks for processes. The zero value is right.
type ResolverConfig struct {
	// Proc is where proc(5) is mounted; empty is /proc.
	Proc string
	// Users names user ids; nil is a new one.
	Users *Users
	// Process says what is told of processes.
	Process procfs.Options
	// Forwarder recognises a process that carries somebody else's connections ([Forwarders.Of]); nil recognises none.
	Forwarder func(context.Context, *flow.Process) *flow.Forwarder
}

// Resolver looks for the processes behind peers, beside the sessions: those who wait share one search, and searches have
// a budget of processor time. It may be used by many goroutines at once.
//
// What an answer promises. A process is named when it was seen to hold the socket while it was the process that is
// described, or when the kernel knows it from the connect (Unix sockets). All processes that held the socket when they
// were looked at are listed, of those that may be looked at: after the first one the others are looked for, too. An
// exception is a process that was found to hold its sockets alone within the last ten seconds: it is believed to do so
// again. A socket that is handed on while processes are being read may be missed where it went. In all other cases the
// answer is what was known before.
type Resolver struct {
	queue   queue
	party   party
	budget  budget
	search  searcher
	cpu     func() time.Duration // that the calling thread has had
	glanced time.Duration        // of it in the last turn
	missing []string
}

// searcher is how a system is searched. One goroutine calls it.
type searcher interface {
	// glance looks where it costs little, and answers whom it finds.
	glance(ctx context.Context, p *party)
	// scan looks everywhere and answers whom it finds. It stops when nobody waits any more, and answers false then;
	// otherwise who was not answered is not to be found.
	scan(ctx context.Context, p *party) bool
}

// NewResolver returns a Resolver that answers while Run runs.
func NewResolver(c ResolverConfig) (*Resolver, error) {
	if c.Users == nil {
		c.Users = NewUsers()
	}
	s, missing, err := newSearch(c)
	if err != nil {
		return nil, fmt.Errorf("look for processes: %w", err)
	}
	r := newResolver(s, time.Now, threadTime)
	r.missing = missing
	return r, nil
}

func newResolver(s searcher, now func() time.Time, cpu func() time.Duration) *Resolver {
	return &Resolver{
		queue: queue{wake: make(chan struct{}, 1)}, party: party{now: now}, budget: newBudget(now()), search: s, cpu: cpu,
	}
}

// Missing tells what this system does not allow, what follows, and how to get it: a line each.
func (r *Resolver) Missing() []string { return r.missing }

// Seek begins to look for a process and returns at once; it takes the lead's descriptor. The answer never comes on the
// calling goroutine, which may have the locks that Found takes. When thousands wait already, or Run has ended, it is what
// is known, at once: that tells the truth, and a seeker that were dropped would wait for ever.
func (r *Resolver) Seek(l flow.Lead, known flow.Origin, deadline time.Time, by flow.Seeker) {
	s := seek{lead: l, known: known, deadline: deadline, by: by, urgent: by.Urgent()}
	if !r.queue.add(&s) {
		s.end()
		time.AfterFunc(0, func() { by.Found(known) })
	}
}

// Run answers until ctx is over; then it answers all who wait with what is known, and returns nil.
func (r *Resolver) Run(ctx context.Context) error {
	defer func() {
		r.party.answer()
		r.party.seeks = r.queue.close()
		r.party.answer()
	}()
	for until := (time.Time{}); ctx.Err() == nil; {
		r.queue.wait(ctx, until)
		r.standBack(ctx)
		until = r.turn(ctx)
		r.pause(ctx, until)
	}
	return nil
}

// standBack lets sessions that have just come be set up first: a search would take the processor that their dial and
// their first answer need. Who is kept waiting is not in that case.
func (r *Resolver) standBack(ctx context.Context) {
	if r.queue.urgent() {
		return
	}
	timer := time.NewTimer(lull)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// turn looks for those who wait and says when to look again, unless somebody comes before; the zero time is never.
func (r *Resolver) turn(ctx context.Context) (until time.Time) {
	p := &r.party
	p.seeks = r.queue.take(p.seeks)
	now := p.now()
	p.ask(now)
	r.budget.fill(now)
	r.look(ctx, p.sweep())
	rest := p.sweep()
	if rest.first.IsZero() {
		return rest.first
	}
	if next := r.budget.next(rest); next.Before(rest.first) {
		return next
	}
	return rest.first
}

// look searches as far as the budget goes.
func (r *Resolver) look(ctx context.Context, l left) {
	p := &r.party
	runtime.LockOSThread() // whose time is measured
	defer runtime.UnlockOSThread()
	began, times := r.cpu(), time.Duration(1)
	r.glanced = 0
	if l.untried && r.budget.glance() {
		r.search.glance(ctx, p)
		p.tried()
		l = p.sweep()
		r.glanced = r.cpu() - began
	}
	if p.open > 0 && r.budget.scan(l.urgent) {
		if whole := r.search.scan(ctx, p); !whole && !l.urgent {
			times = vain
		}
		if ctx.Err() == nil {
			p.answer()
		}
	}
	r.budget.spend(times*(r.cpu()-began), p.now())
}

// pause rests, not longer than until somebody's time is up.
func (r *Resolver) pause(ctx context.Context, until time.Time) {
	d := min(max(rest, restGlance*r.glanced), restMax)
	if !until.IsZero() {
		d = min(d, until.Sub(r.party.now()))
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
