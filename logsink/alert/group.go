package alert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxAddresses = 1024 // that one group tells apart
	maxSample    = 8    // that an alert names
	maxInterval  = time.Hour
)

// group is like events that are told together.
type group struct {
	key
	severity    flow.Severity
	first, last time.Time // as the records say
	reason      string    // of the last event
	count       uint64
	untold      uint64 // of count: since the last alert

	addresses map[netip.Addr]struct{}
	distinct  uint64 // the most that one record spoke of
	capped    bool
	sample    []netip.AddrPort

	seen     time.Time // when the last event came
	told     time.Time // when the last alert was made; zero when none was
	interval time.Duration
}

func newGroup(k key, e *event, repeat time.Duration) *group {
	return &group{
		key: k, severity: e.severity, first: e.time, interval: repeat, addresses: make(map[netip.Addr]struct{}),
	}
}

func (g *group) add(e *event, now time.Time) {
	g.seen = now
	g.reason = e.reason
	g.severity = max(g.severity, e.severity)
	g.count += e.count
	g.untold += e.count
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
	return g.untold > 0 && (now.Sub(g.told) >= g.interval || now.Sub(g.seen) >= quiet)
}

// over says whether the group has told everything and been quiet for long enough to be forgotten.
func (g *group) over(now time.Time, quiet time.Duration) bool {
	return g.untold == 0 && now.Sub(g.seen) >= quiet
}

// tell makes the alert and plans the next one, later than this.
func (g *group) tell(now time.Time) flow.Record {
	repeat := !g.told.IsZero()
	if repeat {
		g.interval = max(g.interval, min(2*g.interval, maxInterval))
	}
	g.told, g.untold = now, 0
	return flow.Record{Time: now, Event: flow.EventAlert, Service: g.service, Alert: &flow.Alert{
		Condition: g.condition, Severity: g.severity, Zone: g.zone, Count: g.count, First: g.first, Last: g.last,
		Repeat: repeat, Observed: g.observed, Message: g.message(), Sample: slices.Clone(g.sample),
	}}
}

// message is for a person: what happened, how often, to whom, why.
func (g *group) message() string {
	var b strings.Builder
	if g.service != "" {
		b.WriteString(g.service + ": ")
	}
	switch g.condition {
	case BackendDown:
		b.WriteString("backend down" + g.times("sessions failed"))
	case JournalLost:
		b.WriteString("the journal is in trouble" + g.times("records or sessions"))
	case ConfigBroken:
		b.WriteString("the new configuration was rejected, nothing is changed" + g.times("attempts"))
	case CarriedPeer:
		b.WriteString(g.through())
	case Other:
		b.WriteString("not told one by one" + g.times("events"))
	default:
		b.WriteString(g.peers())
	}
	if g.reason != "" {
		b.WriteString(": " + g.reason)
	}
	return b.String()
}

func (g *group) times(what string) string {
	if g.count == 1 {
		return ""
	}
	return fmt.Sprintf(", %d %s%s", g.count, what, g.span())
}

// span says in what time events came; nothing when they came at once.
func (g *group) span() string {
	if d := g.last.Sub(g.first).Round(time.Second); d > 0 {
		return " in " + d.String()
	}
	return ""
}

// through says what a forwarder did. How many far ends there are is not told: not all of them are known.
func (g *group) through() string {
	if g.count == 1 {
		return "let in a connection through " + g.forwarder
	}
	return fmt.Sprintf("let in %d connections through %s%s", g.count, g.forwarder, g.span())
}

func (g *group) peers() string {
	did := "refused "
	if g.observed {
		did = "in observe mode, let in and would have refused "
	}
	if g.count == 1 {
		if len(g.sample) == 0 {
			return did + "a connection"
		}
		return did + g.sample[0].String()
	}
	return fmt.Sprintf("%s%d connections%s%s", did, g.count, g.origins(), g.span())
}

func (g *group) origins() string {
	n := max(g.distinct, uint64(len(g.addresses)))
	switch {
	case n == 0:
		return ""
	case n == 1 && !g.capped && len(g.sample) == 1:
		return " from " + g.sample[0].Addr().String()
	case g.capped:
		return fmt.Sprintf(" from at least %d addresses", n)
	default:
		return fmt.Sprintf(" from %d addresses", n)
	}
}
