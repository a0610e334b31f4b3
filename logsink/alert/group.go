package alert

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxAddresses = 1024 // that one group tells apart
	maxSample    = 8    // that an alert names
	maxInterval  = time.Hour
	// stale is for how long a group that something will resolve must be quiet before it is forgotten all the same: its
	// service may be gone.
	stale = 24 * time.Hour
)

// group is like events that are told together.
type group struct {
	key
	id           string
	severity     flow.Severity
	first, last  time.Time // as the records say
	reason       string    // of the last event
	measured     string    // of the last event
	program      string    // of all events; empty when it is not known, or they have several
	by           []flow.Label
	count        uint64
	untold       uint64 // of count: since the last alert
	lasting      bool   // something will tell that it is over
	resolveAfter time.Duration

	addresses map[netip.Addr]struct{}
	distinct  uint64 // the most that one record spoke of
	capped    bool
	sample    []netip.AddrPort

	begun    time.Time
	seen     time.Time // when the last event came
	told     time.Time // when the last alert was made; zero when none was
	aloud    time.Time // when the last one was made that no silence held back
	ack      *ack      // nil while nobody has acknowledged it
	interval time.Duration
}

func newGroup(k key, e *event, now time.Time) *group {
	return &group{
		key: k, id: k.id(), severity: e.severity, first: e.time, program: e.program, by: e.by, begun: now,
		resolveAfter: e.resolveAfter, addresses: make(map[netip.Addr]struct{}),
	}
}

func (g *group) add(e *event, now time.Time) {
	g.seen = now
	g.reason, g.measured = e.reason, e.measured
	g.severity = max(g.severity, e.severity)
	g.lasting = g.lasting || e.lasting
	g.count += e.count
	g.untold += e.count
	if g.program != e.program {
		g.program = ""
	}
	if e.time.Before(g.first) {
		g.first = e.time
	}
	if e.time.After(g.last) {
		g.last = e.time
	}
	g.distinct = max(g.distinct, e.distinct)
	// A record that stands for several names only some of their addresses.
	g.capped = g.capped || e.capped || e.distinct > uint64(len(e.from))
	for _, a := range e.from {
		g.address(a)
	}
}

func (g *group) address(a netip.AddrPort) {
	if !a.IsValid() {
		return
	}
	if _, known := g.addresses[a.Addr()]; known {
		return
	}
	if len(g.addresses) == maxAddresses {
		g.capped = true
		return
	}
	g.addresses[a.Addr()] = struct{}{}
	if len(g.sample) < maxSample {
		g.sample = append(g.sample, a)
	}
}

// due says whether what was counted since the last alert is to be told.
func (g *group) due(now time.Time, quiet time.Duration) bool {
	if g.told.IsZero() || g.ack != nil || g.untold == 0 {
		return false
	}
	return now.Sub(g.told) >= g.interval || now.Sub(g.seen) >= quiet
}

// over says whether the group has told everything that it will and been quiet for long enough to be forgotten.
func (g *group) over(now time.Time, quiet time.Duration) bool {
	if g.lasting {
		return now.Sub(g.seen) >= stale
	}
	finished := g.untold == 0 || g.ack != nil || g.told.IsZero()
	return finished && now.Sub(g.seen) >= max(quiet, g.resolveAfter)
}

// tell makes the alert and plans the next one, later than this.
func (g *group) tell(now time.Time, silenced bool) flow.Record {
	repeat := !g.told.IsZero()
	if repeat {
		g.interval = max(g.interval, min(2*g.interval, maxInterval))
	}
	g.told, g.untold = now, 0
	if !silenced {
		g.aloud = now
	}
	r := g.record(now)
	r.Alert.Repeat, r.Alert.Silenced, r.Alert.Message = repeat, silenced, g.message()
	return r
}

// resolved makes the alert that tells that the group is over.
func (g *group) resolved(now time.Time, how string, silenced bool) flow.Record {
	r := g.record(now)
	r.Alert.Resolved, r.Alert.Repeat, r.Alert.Silenced = true, true, silenced
	r.Alert.Message = g.resolution(now, how)
	return r
}

func (g *group) record(now time.Time) flow.Record {
	return flow.Record{Time: now, Event: flow.EventAlert, Service: g.service, Alert: &flow.Alert{
		ID: g.id, Condition: g.condition, Severity: g.severity, Zone: g.zone, Count: g.count, First: g.first,
		Last: g.last, Observed: g.observed, Sample: slices.Clone(g.sample), Forwarder: g.forwarder, Program: g.program,
		By: g.by,
	}}
}
