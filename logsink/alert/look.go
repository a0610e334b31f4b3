package alert

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// look makes events of a record.
func (a *Alerts) look(entry *flow.Entry, now time.Time) {
	r := entry.Record
	if r.Event == flow.EventAlert {
		return
	}
	if entry.Err != nil {
		a.unkept(entry, now)
	}
	at := now.Sub(a.began)
	if e, ok := read(r); ok && !a.raise(e, now) && isPeers(e.condition) {
		if burst, ok := a.bursts.refused(&e, at); ok {
			a.raise(burst, now)
		}
	}
	if e, ok := carried(r); ok {
		a.raise(e, now)
	}
	if e, ok := a.newProgram(r, now); ok {
		a.raise(e, now)
	}
	if e, ok := a.bursts.session(r, at); ok {
		a.raise(e, now)
	}
	a.settle(r, now)
	a.lookAtOwn(r, at, now)
}

// unkept makes an event of a record that is not in the journal.
func (a *Alerts) unkept(entry *flow.Entry, now time.Time) {
	e := lost("a record is not in it: "+entry.Err.Error(), entry.Record.Time)
	if noSpace(entry.Err) {
		e.condition = DiskFull
	}
	a.raise(e, now)
}

// settle resolves what a record shows to be over.
func (a *Alerts) settle(r *flow.Record, now time.Time) {
	switch {
	case r.Event == flow.EventConfigLoaded:
		if g := a.groups[key{condition: ConfigBroken}]; g != nil {
			a.resolve(g, now, "a configuration was loaded")
		}
	case r.Event == flow.EventSessionClose && r.Outcome != nil && r.Outcome.Known && r.Outcome.Lane != "":
		g := a.groups[key{condition: BackendDown, service: r.Service}]
		// A session from before the failures proves nothing when it ends.
		if g != nil && r.Time.Add(-r.Outcome.Duration).After(g.last) {
			a.resolve(g, now, "reached again")
		}
	}
}

// lookAtOwn asks the conditions of the configuration.
func (a *Alerts) lookAtOwn(r *flow.Record, at time.Duration, now time.Time) {
	if len(a.policy.own) == 0 {
		return
	}
	a.environment.fill(r, a.policy.needs)
	for _, o := range a.policy.own {
		e, ok, err := o.look(&a.machine, &a.environment, r, at)
		if err != nil {
			e, ok = unasked(o.Name, err, r.Time), true
		}
		if ok {
			a.raise(e, now)
		}
	}
}

// tick looks at what no record tells.
func (a *Alerts) tick(now time.Time) {
	if e, jumped := a.clocks.look(now); jumped {
		a.raise(e, now)
	}
	a.lookAtSinks(now)
	a.expireSilences(now)
	a.expireAcks(now)
	at := now.Sub(a.began)
	a.bursts.tick(at)
	for _, o := range a.policy.own {
		if o.tally != nil {
			o.tally.tick(at)
		}
	}
}
