package alert

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What is a burst: more than so many in a minute. A pool that is filled, or a test suite, makes some hundred sessions;
// a program that has lost its pool makes thousands. Refusals are told singly up to 20 a second and service
// (proxy/refusals.go), so 100 a minute are more than a person tries.
const (
	burstSpan     = time.Minute
	burstRefusals = 100
	burstSessions = 1000
)

// bursts count sessions by service and program, or by service and address where that is of another host; and refusals
// by service that no other alert tells.
type bursts struct {
	sessions, refusals *tally
	key                []byte // used again and again
}

func newBursts() *bursts {
	w := &window{measure: measureCount, span: burstSpan}
	return &bursts{sessions: newTally(w), refusals: newTally(w)}
}

// session counts a session that was let in, once.
func (b *bursts) session(r *flow.Record, at time.Duration) (event, bool) {
	label, ok := crowd(r)
	if !ok {
		return event{}, false
	}
	b.key = append(append(append(b.key[:0], r.Service...), 0), label.Value...)
	n, others := b.sessions.add(b.key, at, 1, nil)
	if n <= burstSessions {
		return event{}, false
	}
	e := event{key: key{condition: Burst, service: r.Service}, severity: flow.SeverityInfo, time: r.Time, count: 1}
	if others {
		e.service, e.reason = "", fmt.Sprintf("%.0f sessions of many programs and addresses in %v", n, burstSpan)
		return e, true
	}
	e.labels, e.by = label.Name+" "+label.Value, []flow.Label{label}
	if label.Name == "program" {
		e.program = label.Value
	}
	e.reason = fmt.Sprintf("%.0f sessions of %s in %v", n, label.Value, burstSpan)
	return e, true
}

// crowd says as whose a session is counted. A program is known at the open or at the session.origin, never at both; an
// address tells something only when it is not this host's, whose peers all have the same.
func crowd(r *flow.Record) (flow.Label, bool) {
	switch {
	case r.Event != flow.EventSessionOpen && r.Event != flow.EventSessionOrigin:
		return flow.Label{}, false
	case r.Origin != nil && r.Origin.Program != "":
		return flow.Label{Name: "program", Value: r.Origin.Program}, true
	case r.Event != flow.EventSessionOpen || r.Peer == nil:
		return flow.Label{}, false
	}
	address, zone := r.Peer.Addr, r.Peer.Zone
	if c := r.Peer.Conveyed; c != nil {
		address, zone = c.Client, c.Zone
	}
	if zone.Local() || !address.IsValid() {
		return flow.Label{}, false
	}
	return flow.Label{Name: "client.address", Value: addressText(address)}, true
}

// refused counts refusals that no alert of their own tells, since that was switched off.
func (b *bursts) refused(e *event, at time.Duration) (event, bool) {
	b.key = append(b.key[:0], e.service...)
	n, _ := b.refusals.add(b.key, at, float64(e.count), nil)
	if n <= burstRefusals {
		return event{}, false
	}
	burst := *e
	burst.key = key{condition: Burst, service: e.service, labels: "refusals"}
	burst.severity = flow.SeverityWarning
	burst.reason = fmt.Sprintf("%.0f refusals in %v, the last one: %s", n, burstSpan, e.reason)
	return burst, true
}

func (b *bursts) tick(at time.Duration) {
	b.sessions.tick(at)
	b.refusals.tick(at)
}
