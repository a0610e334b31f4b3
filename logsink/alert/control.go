package alert

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Status is a group of events that is active.
type Status struct {
	ID        string        `json:"id"`
	Condition string        `json:"condition"`
	Severity  flow.Severity `json:"severity"`
	Service   string        `json:"service,omitempty"`
	Program   string        `json:"program,omitempty"`
	Forwarder string        `json:"forwarder,omitempty"`
	By        []flow.Label  `json:"by,omitempty"`
	First     time.Time     `json:"first"`
	Last      time.Time     `json:"last"`
	Count     uint64        `json:"count"`
	// Told is when an alert was last made of it; zero when it still waits.
	Told time.Time `json:"told,omitzero"`
	// Acked is who has acknowledged it; empty when nobody has.
	Acked string `json:"acked,omitempty"`
	// Silenced is until when it is silenced; zero when it is not.
	Silenced time.Time `json:"silenced,omitzero"`
	Message  string    `json:"message"`
}

// Active are the groups that were not resolved nor forgotten yet, those that matter most and then the oldest first.
func (a *Alerts) Active() []Status {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]Status, 0, len(a.groups))
	for _, g := range a.ordered() {
		s := Status{
			ID: g.id, Condition: g.condition, Severity: g.severity, Service: g.service, Program: g.program,
			Forwarder: g.forwarder, By: g.by, First: g.first, Last: g.last, Count: g.count, Told: g.told,
			Silenced: a.silencedUntil(g, now), Message: g.message(),
		}
		if g.ack != nil {
			s.Acked = g.ack.By
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b Status) int { return cmp.Compare(b.Severity, a.Severity) })
	return all
}

// Test makes an alert that says only that it is one, so that a person can see whether alerts arrive. No silence holds it
// back. It returns the alert's id.
func (a *Alerts) Test() string {
	now := time.Now()
	e := event{
		key: key{condition: TestAlert}, severity: flow.SeverityInfo, time: now, count: 1,
		reason: "a person tries whether alerts arrive; nothing is wrong",
	}
	g := newGroup(e.key, &e, now) // no group that is kept: each test is told
	g.add(&e, now)
	a.locked(func() { a.out = append(a.out, g.tell(now, false)) })
	return g.id
}

// Reload puts other settings in force. Groups that are active stay, and so does what the windows of conditions that are
// as before have counted. The error says what is wrong; nothing is changed then.
func (a *Alerts) Reload(s Settings) error {
	p, err := s.compile()
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, o := range p.own {
		same := func(old *own) bool { return old.Condition == o.Condition }
		if j := slices.IndexFunc(a.policy.own, same); j >= 0 {
			p.own[i] = a.policy.own[j]
		}
	}
	a.policy = p
	return nil
}

// change does what a person asked for and keeps it for after a restart.
func (a *Alerts) change(what string, do func(now time.Time) error) (err error) {
	a.locked(func() {
		if err = do(time.Now()); err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			return
		}
		a.dirty = true
		if err = a.save(); err != nil {
			err = fmt.Errorf("%s: it holds, and is forgotten when lodoor ends before it can be kept: %w", what, err)
		}
	})
	return err
}
