package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// key is what like events have in common.
type key struct {
	condition string
	service   string
	zone      flow.Zone
	cause     flow.Cause // a disguised peer is not told as one that is merely elsewhere
	forwarder string     // its name
	observed  bool
	labels    string // the values of by, as one text
}

// id names the group of the key: 16 hexadecimal digits, the same after a restart.
func (k key) id() string {
	text := fmt.Sprintf("%q %q %q %q %q %v %q", k.condition, k.service, k.zone, k.cause, k.forwarder, k.observed, k.labels)
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// event is what a record means to alerts.
type event struct {
	key
	severity flow.Severity
	time     time.Time
	count    uint64
	distinct uint64 // addresses, when the record stands for several connections; otherwise see from
	capped   bool   // distinct is a lower bound
	from     []netip.AddrPort
	program  string // of the peer's process; empty when it is not known
	by       []flow.Label
	reason   string
	measured string // what the window of a condition of the configuration came to

	// lasting says that something will tell that it is over.
	lasting      bool
	resolveAfter time.Duration // of a condition of the configuration; 0 is never
}

// read says whether a record asks for attention. Alerts themselves never do.
func read(r *flow.Record) (event, bool) {
	e := event{key: key{service: r.Service}, severity: flow.SeverityWarning, time: r.Time, count: 1}
	switch {
	case r.Event == flow.EventSessionRefused:
		return e.refused(r)
	case r.Event == flow.EventSessionOpen && r.Verdict != nil && r.Verdict.Action == flow.WouldDeny:
		e.observed = true
		return e.refused(r)
	case r.Event == flow.EventSessionClose && r.Outcome != nil:
		return e.closed(r)
	case r.Event == flow.EventJournalGap && r.Journal != nil:
		e.condition, e.severity = JournalLost, flow.SeverityCritical
		e.count = max(1, r.Journal.Count)
		e.reason = "records were dropped: " + r.Journal.Reason
		return e, true
	case r.Event == flow.EventConfigRejected && r.Config != nil:
		e.condition, e.lasting = ConfigBroken, true
		e.reason = r.Config.Source + ": " + firstOf(r.Config.Error)
		return e, true
	default:
		return event{}, false
	}
}

func (e event) refused(r *flow.Record) (event, bool) {
	if r.Verdict == nil {
		return event{}, false
	}
	e.cause, e.reason = r.Verdict.Cause, r.Verdict.Reason
	if e.condition = conditionOf(e.cause); e.condition == "" {
		return event{}, false
	}
	e.severity = severityOf(e.cause)
	e.about(r)
	if f := r.Refusal; f != nil && f.Count > 1 {
		e.count, e.distinct, e.capped = f.Count, f.Distinct, f.DistinctCapped
		e.from = append(e.from, f.Sample...)
	}
	return e, true
}

func conditionOf(c flow.Cause) string {
	switch c {
	case flow.CauseNonLocal, flow.CauseDisguised, flow.CauseTripwire:
		return NonLocalPeer
	case flow.CauseRule, flow.CauseIdentity, flow.CauseHeader, flow.CauseInternal, flow.CauseTLS:
		return Denied
	case flow.CauseProtocol, flow.CauseHost:
		return CrossProtocol
	case flow.CauseLimit:
		return Limit
	case flow.CauseJournal:
		return JournalLost
	default: // draining: a person stopped lodoor
		return ""
	}
}

func severityOf(c flow.Cause) flow.Severity {
	switch c {
	case flow.CauseDisguised, flow.CauseJournal, flow.CauseProtocol, flow.CauseHost:
		return flow.SeverityCritical
	default:
		return flow.SeverityWarning
	}
}

func (e event) closed(r *flow.Record) (event, bool) {
	o := r.Outcome
	switch {
	case o.End.DialFailed():
		e.condition, e.lasting = BackendDown, true
		e.reason = o.Detail
		if e.reason == "" {
			e.reason = strings.ReplaceAll(o.End.String(), "_", " ")
		}
		return e, true
	case o.Refused != nil:
		return e.gated(r)
	case o.End == flow.EndDenied:
		e.condition, e.cause, e.reason = Denied, flow.CauseRule, o.Detail
		e.about(r)
		return e, true
	default:
		return event{}, false
	}
}

// gated is the event of a session that a gate refused.
func (e event) gated(r *flow.Record) (event, bool) {
	e.cause, e.reason = r.Outcome.Refused.Cause, r.Outcome.Refused.Reason
	if e.condition = conditionOf(e.cause); e.condition == "" {
		e.condition = Denied
	}
	e.severity = severityOf(e.cause)
	e.about(r)
	if o := r.Origin; o != nil && o.Program != "" {
		e.reason += fmt.Sprintf("; it came from %s (pid %d)", o.Program, o.PID)
	}
	return e, true
}

// about takes whom a record is about.
func (e *event) about(r *flow.Record) {
	if r.Peer != nil {
		e.zone = r.Peer.Zone
		e.from = append(e.from, r.Peer.Addr)
	}
	if r.Origin != nil {
		e.program = r.Origin.Program
	}
}

// lost is the event of a record that the journal could not keep.
func lost(reason string, now time.Time) event {
	return event{
		key: key{condition: JournalLost}, severity: flow.SeverityCritical, time: now, count: 1, reason: reason,
	}
}

// unread is the event of records that alerts had no room for.
func unread(n uint64, now time.Time) event {
	return event{
		key: key{condition: Other}, severity: flow.SeverityWarning, time: now, count: n,
		reason: "records came too fast to be looked at for alerts",
	}
}

// firstOf is the first of several lines, and how many follow.
func firstOf(lines string) string {
	first, rest, more := strings.Cut(strings.TrimSpace(lines), "\n")
	if !more {
		return first
	}
	return fmt.Sprintf("%s (and %d more)", first, strings.Count(rest, "\n")+1)
}
