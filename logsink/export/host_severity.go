package export

import "github.com/lodoor/lodoor/proxy/flow"

// severityOf is how much a record matters to those who read all machines' logs: refused connections, backends that
// cannot be reached, lost records and rejected configurations are warnings, alerts say it themselves.
func severityOf(r *flow.Record) flow.Severity {
	switch {
	case r.Alert != nil && r.Event == flow.EventAlert:
		return r.Alert.Severity
	case r.Event == flow.EventSessionRefused, r.Event == flow.EventJournalGap, r.Event == flow.EventConfigRejected:
		return flow.SeverityWarning
	case r.Outcome != nil && (r.Outcome.End.DialFailed() || r.Outcome.End == flow.EndDenied):
		return flow.SeverityWarning
	case r.Verdict != nil && r.Verdict.Action != flow.Allow:
		return flow.SeverityWarning // would_deny
	default:
		return flow.SeverityInfo
	}
}
