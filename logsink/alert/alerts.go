package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	maxGroups   = 256
	maxTroubles = 64 // that wait to be looked at
	// quietRepeats is for how many Repeat a group must be quiet before it is forgotten.
	quietRepeats = 5
)

// Config is what alerts need.
type Config struct {
	// Repeat is [Settings.Repeat]; 0 is 1 minute.
	Repeat time.Duration
	// Append takes the alerts; it must not block. They come back as records, which are not looked at.
	Append func(flow.Record)
}

// Alerts is a sink that makes alerts of records. The first event of a kind is told at once, those that follow are
// counted and told from time to time.
type Alerts struct {
	repeat time.Duration
	append func(flow.Record)
	groups map[key]*group

	mu       sync.Mutex
	troubles []string // told to Trouble and not yet looked at
	skipped  uint64
}

// New returns Alerts.
func New(c Config) (*Alerts, error) {
	if c.Append == nil {
		return nil, errors.New("alerts: nowhere to append them to")
	}
	if c.Repeat < 0 {
		return nil, fmt.Errorf("alerts: repeat %v must not be negative", c.Repeat)
	}
	if c.Repeat == 0 {
		c.Repeat = defaultRepeat
	}
	return &Alerts{repeat: c.Repeat, append: c.Append, groups: make(map[key]*group)}, nil
}

// Name is "alerts".
func (a *Alerts) Name() string { return "alerts" }

// Wants says which events may ask for attention.
func (a *Alerts) Wants(e flow.Event) bool {
	switch e {
	case flow.EventSessionOpen, flow.EventSessionOrigin, flow.EventSessionClose, flow.EventSessionRefused,
		flow.EventJournalGap, flow.EventConfigRejected:
		return true
	default:
		return false
	}
}

// Trouble tells that the journal cannot do what it should. It may be called from any goroutine, the journal's own as
// well: the alert comes from another one, within a second.
func (a *Alerts) Trouble(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.troubles) == maxTroubles {
		a.skipped++
		return
	}
	a.troubles = append(a.troubles, err.Error())
}

// Consume looks at a batch. It never fails.
func (a *Alerts) Consume(_ context.Context, b flow.Batch) (int, error) {
	for _, entry := range b.Entries {
		if entry.Err != nil {
			a.add(lost("a record is not in it: "+entry.Err.Error(), entry.Record.Time), b.Now)
		}
		if e, ok := read(entry.Record); ok {
			a.add(e, b.Now)
		}
		if e, ok := carried(entry.Record); ok {
			a.add(e, b.Now)
		}
	}
	a.lookAtTroubles(b.Now)
	if b.Missed > 0 {
		a.add(unread(b.Missed, b.Now), b.Now)
	}
	if b.Tick || b.Last {
		a.review(b.Now, b.Last)
	}
	return len(b.Entries), nil
}

func (a *Alerts) lookAtTroubles(now time.Time) {
	a.mu.Lock()
	troubles, skipped := a.troubles, a.skipped
	a.troubles, a.skipped = nil, 0
	a.mu.Unlock()
	for i, reason := range troubles {
		e := lost(reason, now)
		if i == len(troubles)-1 {
			e.count += skipped
		}
		a.add(e, now)
	}
}

// add counts an event in its group, and tells it when it is the group's first, or matters more than those before it.
func (a *Alerts) add(e event, now time.Time) {
	k := e.key
	g := a.groups[k]
	if g == nil && len(a.groups) >= maxGroups {
		k = key{condition: Other}
		g = a.groups[k]
	}
	if g == nil {
		g = newGroup(k, &e, a.repeat)
		a.groups[k] = g
	}
	risen := e.severity > g.severity
	g.add(&e, now)
	if g.told.IsZero() || risen {
		a.append(g.tell(now))
	}
}

// review tells the counts that are due, all of them at the end, and forgets the groups that have been quiet.
func (a *Alerts) review(now time.Time, last bool) {
	var due []*group
	quiet := quietRepeats * a.repeat
	for k, g := range a.groups {
		switch {
		case g.over(now, quiet):
			delete(a.groups, k)
		case g.due(now, quiet) || last && g.untold > 0:
			due = append(due, g)
		}
	}
	slices.SortFunc(due, func(a, b *group) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.service, b.service), cmp.Compare(a.condition, b.condition),
			cmp.Compare(a.forwarder, b.forwarder))
	})
	for _, g := range due {
		a.append(g.tell(now))
	}
}
