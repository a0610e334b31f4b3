package alert

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxWho = 128 // bytes of who did something
	maxWhy = 512
)

// ack says that somebody knows of a group.
type ack struct {
	ID string `json:"id"`
	By string `json:"by"`
	// At is when, Severity what the group had then: what is more severe was not acknowledged.
	At       time.Time     `json:"at"`
	Severity flow.Severity `json:"severity"`
}

// Ack says that a person knows of an active group: it is not told again until it is resolved, or forgotten, or becomes
// more severe. id is the group's, or the beginning of it that no other active group has. The error says that there is
// no such group, or that it could not be kept for after a restart.
func (a *Alerts) Ack(id, by string) error {
	if by == "" || len(by) > maxWho {
		return fmt.Errorf("acknowledge alert: by %q: expected who it is, in at most %d bytes", by, maxWho)
	}
	return a.change("acknowledge alert", func(now time.Time) error {
		g, err := a.groupNamed(id)
		if err != nil {
			return err
		}
		g.ack = &ack{g.id, by, now, g.severity}
		if g.told.IsZero() { // somebody knows of it
			g.told, g.aloud = now, now
		}
		return nil
	})
}

// groupNamed finds an active group by the beginning of its id.
func (a *Alerts) groupNamed(id string) (*group, error) {
	if id == "" {
		return nil, errors.New("no id: expected that of an active alert, or its beginning")
	}
	var found *group
	for _, g := range a.groups {
		if !strings.HasPrefix(g.id, strings.ToLower(id)) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%q is the beginning of several ids: expected more of it", id)
		}
		found = g
	}
	if found == nil {
		return nil, fmt.Errorf("no active alert has the id %q: expected one that lodoor alerts list shows", id)
	}
	return found, nil
}

// adoptAck gives a group that begins what was acknowledged before a restart.
func (a *Alerts) adoptAck(g *group) {
	k, known := a.acks[g.id]
	if !known {
		return
	}
	delete(a.acks, g.id)
	g.ack, g.told, g.aloud = &k, k.At, k.At
	g.severity = k.Severity
}

func (a *Alerts) dropAck(g *group) {
	if g.ack != nil {
		g.ack, a.dirty, a.savedAt = nil, true, time.Time{} // within a second: it must not come back with a restart
	}
}

// expireAcks forgets those of an earlier run whose groups have not come back.
func (a *Alerts) expireAcks(now time.Time) {
	if len(a.acks) > 0 && now.Sub(a.began) >= quietRepeats*a.policy.repeat {
		clear(a.acks)
		a.dirty = true
	}
}
