package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// busy decides, from second to second, whether sessions are shown one by one or counted. A second begins with a tick.
type busy struct {
	limit    int // of opens, of closes, of refusals and of operations that are shown in a second
	counting bool
	since    time.Time

	opens, closes, refusals    tally
	operations                 tally
	origins                    uint64 // that came after their opens
	observed, disorder, behind uint64 // of the hidden: would be refused; did not end in order; connections refused
}

// tally counts records of one kind in a second.
type tally struct{ seen, hidden uint64 }

// show counts a record and says whether it gets a line of its own.
func (b *busy) show(r *flow.Record) bool {
	switch r.Event {
	case flow.EventSessionOpen:
		if b.session(&b.opens) {
			return true
		}
		if observed(r) {
			b.observed++
		}
	case flow.EventSessionClose:
		if b.session(&b.closes) {
			return true
		}
		if r.Outcome != nil && r.Outcome.End != flow.EndFIN {
			b.disorder++
		}
	case flow.EventSessionOrigin:
		b.origins++
		return !b.counting && b.origins <= uint64(b.limit)
	case flow.EventSessionRefused:
		b.refusals.seen++
		if b.refusals.seen <= uint64(b.limit) {
			return true
		}
		b.refusals.hidden++
		b.behind += connections(r)
	case flow.EventOperation:
		b.operations.seen++
		if b.operations.seen <= uint64(b.limit) {
			return true
		}
		b.operations.hidden++
	default:
		return true
	}
	return false
}

// session counts an open or a close. Once one of them is too frequent both are only counted.
func (b *busy) session(t *tally) bool {
	t.seen++
	b.counting = b.counting || t.seen > uint64(b.limit)
	if b.counting {
		t.hidden++
	}
	return !b.counting
}

// connections says for how many connections a refusal stands.
func connections(r *flow.Record) uint64 {
	if r.Refusal == nil {
		return 1
	}
	return max(1, r.Refusal.Count)
}

// sum ends a second and says, in words, what was not shown of sessions, of operations and of refusals; empty when nothing.
func (b *busy) sum(now time.Time) (sessions, operations, refusals string) {
	last := period(now.Sub(b.since))
	if b.opens.hidden+b.closes.hidden > 0 {
		sessions = b.sessionWords() + " in the last " + last
	}
	if b.operations.hidden > 0 {
		operations = b.operations.words("asked") + " in the last " + last
	}
	if b.refusals.hidden > 0 {
		refusals = fmt.Sprintf("%s more in the last %s", count(b.behind, "connection"), last)
	}
	limit := uint64(b.limit)
	again := b.opens.seen > limit || b.closes.seen > limit
	*b = busy{limit: b.limit, counting: again, since: now}
	return sessions, operations, refusals
}

func (b *busy) sessionWords() string {
	var s strings.Builder
	s.WriteString(b.opens.words("opened"))
	if b.observed > 0 {
		fmt.Fprintf(&s, " (%d would be refused)", b.observed)
	}
	s.WriteString(", " + b.closes.words("closed"))
	if b.disorder > 0 {
		fmt.Fprintf(&s, " (%d not in order)", b.disorder)
	}
	return s.String()
}

func (t tally) words(what string) string {
	if t.hidden < t.seen {
		return fmt.Sprintf("%d more %s", t.hidden, what)
	}
	return fmt.Sprintf("%d %s", t.hidden, what)
}

// period names the time that a count is about: a second, or more when the terminal was stopped meanwhile.
func period(d time.Duration) string {
	if d = d.Round(time.Second); d > time.Second && d < 24*time.Hour {
		return d.String()
	}
	return "second"
}
