package export

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Each event matters as much as it should to those who read all machines' logs. That an operation failed is the business
// of who asked: constraints are violated, and pages not found, all day.
func TestSeverityOfEachEvent(t *testing.T) {
	want := map[flow.Event]flow.Severity{
		flow.EventJournalStart: flow.SeverityInfo, flow.EventJournalStop: flow.SeverityInfo,
		flow.EventJournalRecovered: flow.SeverityInfo, flow.EventJournalGap: flow.SeverityWarning,
		flow.EventJournalRotated: flow.SeverityInfo, flow.EventJournalPruned: flow.SeverityInfo,
		flow.EventSessionOpen: flow.SeverityInfo, flow.EventSessionClose: flow.SeverityInfo,
		flow.EventSessionRefused: flow.SeverityWarning, flow.EventAlert: flow.SeverityCritical,
		flow.EventConfigLoaded: flow.SeverityInfo, flow.EventConfigRejected: flow.SeverityWarning,
		flow.EventSessionOrigin: flow.SeverityInfo, flow.EventJournalHeartbeat: flow.SeverityInfo,
		flow.EventOperation: flow.SeverityInfo,
	}
	for _, e := range flow.Events() {
		r := flow.Record{Event: e}
		if e == flow.EventAlert {
			r.Alert = &flow.Alert{Severity: flow.SeverityCritical}
		}
		if e == flow.EventOperation {
			r.Operation = &flow.Operation{Failed: true}
		}
		severity, known := want[e]
		if got := severityOf(&r); !known || got != severity {
			t.Errorf("%s is %s, want %s (known: %v)", e, got, severity, known)
		}
	}
}
