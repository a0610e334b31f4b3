package origin

import "time"

const (
	// burst is how much time searches may take at once, after a rest.
	burst = 50 * time.Millisecond
	// share is the part of one processor, one of so many, that they may take in the long run.
	share = 10
	// vain is how many times over a scan is paid for that was broken off since all had left: in a storm of sessions that
	// nobody stays in, scans find nobody, and the sessions need the processor themselves.
	vain = 3
)

// budget is a bucket of time for searches. What was taken is only known afterwards, so that it may go into debt, and
// nothing is done until that is paid: a search is never broken off for the budget's sake, since half of one answers
// nobody.
type budget struct {
	level time.Duration // at the moment at
	at    time.Time
}

func newBudget(now time.Time) budget { return budget{level: burst, at: now} }

// fill adds what has come in until now.
func (b *budget) fill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.level = min(burst, b.level+passed/share)
	}
	b.at = now
}

// spend takes out what a search took that has just ended.
func (b *budget) spend(took time.Duration, now time.Time) {
	b.fill(now)
	b.level -= took
}

// scan says whether there is enough to look at all processes. Somebody who is kept waiting may borrow: those who only
// fill the log must not keep the doors shut.
func (b *budget) scan(urgent bool) bool { return b.level > b.scanFrom(urgent) }

func (b *budget) scanFrom(urgent bool) time.Duration {
	if urgent {
		return -burst
	}
	return 0
}

// glanceFrom is how deep the debt is in which not even a glance is allowed at the few that held sockets a moment ago: it
// is cheap, and goes on while large scans are being paid for.
const glanceFrom = -2 * burst

func (b *budget) glance() bool { return b.level > glanceFrom }

// next is when there will be enough for what is left to do.
func (b *budget) next(l left) time.Time {
	from := b.scanFrom(l.urgent)
	if l.untried {
		from = glanceFrom
	}
	return b.at.Add(share * max(0, from+1-b.level))
}
