package operations

import (
	"cmp"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Suspect is a statement that a program asks again and again behind another one, where a join, a list or a pipeline would
// have asked once: N+1.
type Suspect struct {
	Service           string
	Statement, Behind string // their texts; their names when there is none
	Name              string
	Fingerprint       uint64
	BehindFingerprint uint64
	Times             uint64 // how often it was seen
	// Most is how often the statement came within a second, at most, Within in how long those were answered. Program and
	// Session are who did that, the latest one of several.
	Most    int
	Within  time.Duration
	Program string
	Session flow.SessionID

	Count uint64        // how often the statement came in all of them
	Total time.Duration // of these
	Last  time.Time
}

type suspectKey struct {
	service             string
	fingerprint, behind uint64
}

// What makes a suspect: a statement so often within so long of one session, the first of them not longer behind another
// statement, and that one at most a fifth as often.
const (
	suspectTimes  = 10
	suspectWithin = time.Second
	suspectRatio  = 5
	recentMax     = 16 // statements of a session that are looked at
)

// recent is a statement of a session.
type recent struct {
	fingerprint uint64
	text        string
	since       time.Time // of the first one within a second
	count       int       // since then
	before      int       // in the second before
	total       time.Duration
	behind      uint64 // the statement before the first one; 0 when there was none, or long before
	behindText  string
	told        bool // counted as a suspect already
}

// repeat takes note of an operation that may be one of many.
func (t *Table) repeat(s *session, r *flow.Record) {
	o := r.Operation
	if o.Fingerprint == 0 || o.System == "" || o.Kind == "prepare" || controls(o.Name) {
		return
	}
	now := s.recent(o.Fingerprint)
	if now.count == 0 || o.Started.Sub(now.since) > suspectWithin {
		*now = recent{fingerprint: o.Fingerprint, text: cmp.Or(o.Text, o.Name), since: o.Started, before: now.count}
		if s.lastFingerprint != 0 && s.lastFingerprint != o.Fingerprint && o.Started.Sub(s.lastAt) <= suspectWithin {
			now.behind, now.behindText = s.lastFingerprint, s.lastText
		}
	}
	now.count++
	now.total += took(r)
	s.lastFingerprint, s.lastText, s.lastAt = o.Fingerprint, cmp.Or(o.Text, o.Name), r.Time
	if now.behind != 0 && now.count >= suspectTimes && s.often(now.behind)*suspectRatio <= now.count {
		t.suspect(now, r)
	}
}

// controls says whether a statement only steers: it neither begins a loop nor is what a loop is about.
func controls(name string) bool {
	switch name {
	case "BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "END", "SET", "SHOW", "DEALLOCATE", "DISCARD",
		"MULTI", "EXEC", "PING", "CLIENT":
		return true
	}
	return false
}

func (t *Table) suspect(now *recent, r *flow.Record) {
	key := suspectKey{r.Service, now.fingerprint, now.behind}
	s := row(t, t.suspects, key, func() Suspect {
		return Suspect{
			Service: r.Service, Statement: now.text, Behind: now.behindText, Name: r.Operation.Name,
			Fingerprint: now.fingerprint, BehindFingerprint: now.behind,
		}
	})
	if s == nil {
		return
	}
	if !now.told {
		now.told = true
		s.Times++
		s.Count += uint64(now.count - 1)
		s.Total += now.total - took(r)
	}
	s.Count++
	s.Total += took(r)
	s.Last = r.Time
	if now.count >= s.Most {
		s.Most, s.Within = now.count, r.Time.Sub(now.since)
		s.Program, s.Session = programOf(r), r.Session
	}
}

// Suspects are the n that took the most time; all of them when n is 0.
func (t *Table) Suspects(n int) []*Suspect {
	return top(t.suspects, n, func(a, b *Suspect) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Service, b.Service),
			cmp.Compare(a.Statement, b.Statement), cmp.Compare(a.Behind, b.Behind))
	})
}
