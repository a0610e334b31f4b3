package alert

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// maxLag is for how long a record may wait to be delivered without an alert.
const maxLag = time.Minute

// lagging is a sink that does not keep up.
type lagging struct {
	counted time.Time // when it was last made an event of
	skipped uint64    // as it was last told
	behind  bool
}

// lookAtSinks makes events of sinks that do not keep up, once a minute each, and resolves those that do again.
func (a *Alerts) lookAtSinks(now time.Time) {
	if a.lags != nil {
		for _, s := range a.lags() {
			a.lookAtFeed(s, now)
		}
	}
	if a.ended == nil {
		return
	}
	ended := map[string]bool{}
	for _, name := range a.ended() {
		ended[name] = true
		a.behind(a.sink(name+" (ended)"), name, "it has failed and gets no more records until lodoor is started again", now)
	}
}

func (a *Alerts) lookAtFeed(s journal.FeedStats, now time.Time) {
	l := a.sink(s.Name)
	if n := s.Skipped - l.skipped; s.Skipped > l.skipped {
		l.skipped, l.behind, l.counted = s.Skipped, true, now
		a.raise(sinkEvent(s.Name, n, fmt.Sprintf("%d records were erased before it took them", n), now), now)
	}
	switch {
	case s.Behind > 0 && s.Lag > maxLag:
		reason := fmt.Sprintf("%d records wait for it, the oldest for %v", s.Behind, s.Lag.Round(time.Second))
		if s.Err != nil {
			reason += ": " + firstOf(s.Err.Error())
		}
		a.behind(l, s.Name, reason, now)
	case l.behind && s.Lag < maxLag/2 && s.Err == nil && now.Sub(l.counted) >= maxLag:
		l.behind, l.counted = false, time.Time{}
		a.resolveIf(func(g *group) bool { return g.condition == SinkLag && g.labels == s.Name }, now, "keeps up again")
	}
}

// behind makes an event, unless there was one within the minute.
func (a *Alerts) behind(l *lagging, name, reason string, now time.Time) {
	l.behind = true
	if !l.counted.IsZero() && now.Sub(l.counted) < maxLag {
		return
	}
	l.counted = now
	a.raise(sinkEvent(name, 1, reason, now), now)
}

func (a *Alerts) sink(name string) *lagging {
	l := a.sinks[name]
	if l == nil {
		l = &lagging{}
		a.sinks[name] = l
	}
	return l
}

func sinkEvent(name string, count uint64, reason string, now time.Time) event {
	return event{
		key: key{condition: SinkLag, labels: name}, severity: flow.SeverityWarning, time: now, count: count,
		by: []flow.Label{{Name: "sink", Value: name}}, reason: reason, lasting: true,
	}
}
