package operations

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// session is what is known of one that is open.
type session struct {
	service, program string
	last             time.Time // of its latest operation's end
	open             bool      // a transaction is, and nothing was asked since
	failed           bool      // and it can only be rolled back
	statement        string    // the latest

	list            []recent
	lastFingerprint uint64
	lastText        string
	lastAt          time.Time
}

// IdleTransaction is a time in which a session had a transaction open and asked nothing: locks are held, and nothing is
// cleaned up.
type IdleTransaction struct {
	Service, Program string
	Session          flow.SessionID
	Statement        string // the latest before it
	Failed           bool   // the transaction can only be rolled back
	Since            time.Time
	For              time.Duration
	Over             bool // something was asked again, or the session ended
}

// idleMax is how many are remembered; the shortest go.
const idleMax = 1000

// within looks at an operation as a part of its session.
func (t *Table) within(r *flow.Record) {
	s := t.sessions[r.Session]
	if s == nil {
		t.forgetSession()
		s = &session{service: r.Service}
		t.sessions[r.Session] = s
	}
	s.program = cmp.Or(programOf(r), s.program)
	t.idled(s, r.Session, r.Operation.Started, true)
	t.repeat(s, r)
	o := r.Operation
	if o.Transaction != "" {
		s.open, s.failed = o.Transaction == "active" || o.Transaction == "failed", o.Transaction == "failed"
	}
	s.last, s.statement = r.Time, cmp.Or(o.Text, o.Name)
}

// closed forgets a session.
func (t *Table) closed(r *flow.Record) {
	if s := t.sessions[r.Session]; s != nil {
		t.idled(s, r.Session, r.Time, true)
		delete(t.sessions, r.Session)
	}
}

// idled takes note of how long nothing was asked in a transaction.
func (t *Table) idled(s *session, id flow.SessionID, until time.Time, over bool) {
	if !s.open || until.Sub(s.last) < t.Limits.Idle {
		return
	}
	if len(t.idle) >= idleMax {
		slices.SortFunc(t.idle, longest)
		t.forgotten += uint64(len(t.idle) / 10)
		t.idle = t.idle[:len(t.idle)-len(t.idle)/10]
	}
	t.idle = append(t.idle, s.idle(id, until, over))
}

func (s *session) idle(id flow.SessionID, until time.Time, over bool) IdleTransaction {
	return IdleTransaction{
		Service: s.service, Program: s.program, Session: id, Statement: s.statement, Failed: s.failed, Since: s.last,
		For: until.Sub(s.last), Over: over,
	}
}

func longest(a, b IdleTransaction) int {
	return cmp.Or(cmp.Compare(b.For, a.For), a.Since.Compare(b.Since), cmp.Compare(a.Service, b.Service))
}

// Idle are the n longest times in which a transaction was open and nothing was asked, those that last at now included;
// all of them when n is 0.
func (t *Table) Idle(now time.Time, n int) []IdleTransaction {
	list := slices.Clone(t.idle)
	for id, s := range t.sessions {
		if s.open && now.Sub(s.last) >= t.Limits.Idle {
			list = append(list, s.idle(id, now, false))
		}
	}
	slices.SortFunc(list, longest)
	if n > 0 && len(list) > n {
		list = list[:n]
	}
	return list
}

// forgetSession makes room: a tenth of the sessions, those of which nothing was heard for longest.
func (t *Table) forgetSession() {
	if len(t.sessions) < t.Limits.Sessions {
		return
	}
	ids := slices.SortedFunc(maps.Keys(t.sessions), func(a, b flow.SessionID) int {
		return t.sessions[a].last.Compare(t.sessions[b].last)
	})
	for _, id := range ids[:max(1, len(ids)/10)] {
		delete(t.sessions, id)
		t.forgotten++
	}
}

// recent is what is known of a statement of the session; it takes the place of the oldest when it is new.
func (s *session) recent(fingerprint uint64) *recent {
	oldest := 0
	for i := range s.list {
		if s.list[i].fingerprint == fingerprint {
			return &s.list[i]
		}
		if s.list[i].since.Before(s.list[oldest].since) {
			oldest = i
		}
	}
	if len(s.list) < recentMax {
		s.list = append(s.list, recent{})
		oldest = len(s.list) - 1
	}
	s.list[oldest] = recent{}
	return &s.list[oldest]
}

// often is how often a statement came lately, in its present second or the one before.
func (s *session) often(fingerprint uint64) int {
	for i := range s.list {
		if s.list[i].fingerprint == fingerprint {
			return max(s.list[i].count, s.list[i].before)
		}
	}
	return 0
}
