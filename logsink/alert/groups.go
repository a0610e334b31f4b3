package alert

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxGroups = 256
	// quietRepeats is for how many Repeat a group must be quiet before it is forgotten.
	quietRepeats = 5
)

// raise counts an event, unless its condition is switched off; it says which.
func (a *Alerts) raise(e event, now time.Time) bool {
	if a.policy.disabled[e.condition] {
		return false
	}
	if s, given := a.policy.severity[e.condition]; given {
		e.severity = s
	}
	g := a.groupOf(&e, now)
	risen := !g.told.IsZero() && e.severity > g.severity
	g.add(&e, now)
	switch {
	case g.told.IsZero():
		if a.ready(g, now) {
			a.tell(g, now)
		}
	case risen: // it matters more than what was told, or acknowledged
		a.dropAck(g)
		a.tell(g, now)
	case g.aloud.IsZero() && g.ack == nil && !a.silenced(g, now): // a silence is over that nothing got through yet
		a.tell(g, now)
	}
	return true
}

// groupOf finds the group of an event, or begins it. Beyond the bound there is one for all.
func (a *Alerts) groupOf(e *event, now time.Time) *group {
	k := e.key
	g := a.groups[k]
	if g == nil && len(a.groups) >= maxGroups {
		k = key{condition: Other}
		g = a.groups[k]
		e.by, e.program, e.lasting, e.resolveAfter = nil, "", false, 0
	}
	if g != nil {
		return g
	}
	g = newGroup(k, e, now)
	g.interval = a.policy.repeat
	a.groups[k] = g
	a.adoptAck(g)
	return g
}

// ready says whether a group that was not told yet is to be told.
func (a *Alerts) ready(g *group, now time.Time) bool {
	if a.policy.itself[g.condition] {
		return true
	}
	return g.count >= a.policy.threshold && now.Sub(g.begun) >= a.policy.wait
}

func (a *Alerts) tell(g *group, now time.Time) {
	a.out = append(a.out, g.tell(now, a.silenced(g, now)))
}

// resolve ends a group, and tells so when it was told.
func (a *Alerts) resolve(g *group, now time.Time, how string) {
	if !g.told.IsZero() {
		// What nobody heard of is not told as over either.
		a.out = append(a.out, g.resolved(now, how, g.aloud.IsZero() || a.silenced(g, now)))
	}
	a.forget(g)
}

// resolveIf resolves the groups of which is holds, in the order in which they began.
func (a *Alerts) resolveIf(is func(*group) bool, now time.Time, how string) {
	for _, g := range a.ordered() {
		if is(g) {
			a.resolve(g, now, how)
		}
	}
}

func (a *Alerts) forget(g *group) {
	a.dropAck(g)
	delete(a.groups, g.key)
}

// ordered are the groups in the order in which they began.
func (a *Alerts) ordered() []*group {
	all := make([]*group, 0, len(a.groups))
	for _, g := range a.groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *group) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.service, b.service), cmp.Compare(a.condition, b.condition),
			cmp.Compare(a.id, b.id))
	})
	return all
}

// review tells the counts that are due, all of them at the end, and forgets the groups that have been quiet.
func (a *Alerts) review(now time.Time, last bool) {
	quiet := quietRepeats * a.policy.repeat
	for _, g := range a.ordered() {
		held := g.told.IsZero() && g.count >= a.policy.threshold // by Wait alone
		switch {
		case held && (last || a.ready(g, now)), g.due(now, quiet), last && g.untold > 0 && !g.told.IsZero() && g.ack == nil:
			a.tell(g, now)
		case g.resolveAfter > 0 && now.Sub(g.seen) >= g.resolveAfter:
			a.resolve(g, now, "resolved")
		case !held && g.over(now, quiet):
			a.forget(g)
		}
	}
}
