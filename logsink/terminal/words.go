package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Cause says in words how a session ended; empty when it ended in order. backend, which may be nil, is named when it
// could not be reached and the outcome does not say more.
func Cause(o *flow.Outcome, backend *flow.Endpoint) string {
	target := "the backend"
	if backend != nil {
		target = backend.String()
	}
	detail := o.Detail
	switch o.End {
	case flow.EndFIN:
		return detail
	case flow.EndDialRefused:
		return "backend down: " + or(detail, "nothing listens on "+target)
	case flow.EndDialTimeout:
		return "backend down: " + or(detail, "no answer from "+target)
	case flow.EndDialFailed:
		return "backend down: " + or(detail, "cannot reach "+target)
	case flow.EndIdleTimeout:
		return or(detail, "idle for too long")
	case flow.EndReset:
		return with(by("reset", o.EndedBy), detail)
	case flow.EndKilled:
		return with("ended by hand", detail)
	case flow.EndDenied:
		return deniedWords(o)
	default:
		return with(endWords(o.End), detail)
	}
}

// deniedWords say why a session was refused that had been let in.
func deniedWords(o *flow.Outcome) string {
	if o.Refused != nil {
		return with("refused", or(o.Refused.Reason, or(o.Detail, o.Refused.Cause.String())))
	}
	return with("refused after it was open", o.Detail)
}

func endWords(e flow.End) string {
	switch e {
	case flow.EndFirstByte:
		return "the client sent nothing in time"
	case flow.EndUserTimeout:
		return "what was sent was not acknowledged in time"
	case flow.EndDrain:
		return "ended because lodoor stopped"
	case flow.EndCrashRecovered:
		return "lodoor died while it was open"
	case flow.EndClientGone:
		return "the client left before the backend answered"
	case flow.EndIOError:
		return "a socket failed"
	default:
		return "ended: " + e.String()
	}
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

func with(s, detail string) string {
	if detail == "" {
		return s
	}
	return s + ": " + detail
}

func by(what string, s flow.Side) string {
	if s == flow.SideNone {
		return what
	}
	return what + " by " + s.String()
}

// span writes a duration with the precision that a person reads.
func span(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

func human(n uint64) string { return flow.Size(min(n, 1<<62)).Human() }

// count writes n of a thing: "1 record", "2 records".
func count[N ~int | ~uint64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", one, "s")
}

// refusedWords say of how many connections a record tells, and why they were refused.
func refusedWords(r *flow.Record) string {
	var b strings.Builder
	if f := r.Refusal; f != nil {
		if f.Count > 1 {
			fmt.Fprintf(&b, "and %d more", f.Count-1)
			if f.Distinct > 1 {
				fmt.Fprintf(&b, ", from %s", distinct(f))
			}
			b.WriteString(": ")
		}
		if f.Tripwire {
			b.WriteString("at a watched address: ")
		}
	}
	if r.Verdict != nil {
		b.WriteString(or(r.Verdict.Reason, or(r.Verdict.Cause.String(), "no reason given")))
	}
	return strings.TrimSuffix(b.String(), ": ")
}

func distinct(f *flow.Refusal) string {
	if f.DistinctCapped {
		return fmt.Sprintf("at least %d addresses", f.Distinct)
	}
	return fmt.Sprintf("%d addresses", f.Distinct)
}

// journalWords tell what the journal says of itself.
func journalWords(e flow.Event, j *flow.Journal) string {
	var s string
	switch e {
	case flow.EventJournalStart:
		return with("started", j.Segment)
	case flow.EventJournalStop:
		return "stopped"
	case flow.EventJournalRecovered:
		s = "recovered after a crash: " + count(j.Count, "session") + " closed"
	case flow.EventJournalGap:
		s = "GAP: " + count(j.Count, "record") + " lost"
	case flow.EventJournalRotated:
		s = with("segment finished", j.Segment)
	case flow.EventJournalPruned:
		s = with("segment removed", j.Segment)
	default:
		s = e.String()
	}
	if j.Bytes > 0 && e == flow.EventJournalRecovered {
		s += ", " + human(j.Bytes) + " set aside"
	}
	return with(s, j.Reason)
}
