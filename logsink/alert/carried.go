package alert

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// carried says whether a session was let in that a forwarder carries for somebody who may not be on this host. The
// open says so when the process was looked for before the decision, otherwise session.origin does: never both.
func carried(r *flow.Record) (event, bool) {
	if r.Event != flow.EventSessionOpen && r.Event != flow.EventSessionOrigin {
		return event{}, false
	}
	if r.Origin == nil || r.Origin.Forwarder == nil {
		return event{}, false
	}
	f := r.Origin.Forwarder
	severity, matters := severityOfCarried(f)
	if !matters {
		return event{}, false
	}
	return event{
		key:      key{condition: CarriedPeer, service: r.Service, forwarder: f.Name},
		severity: severity, time: r.Time, count: 1, program: r.Origin.Program,
		from:   []netip.AddrPort{f.Far}, // all peers are this host; the far ends tell them apart
		reason: carriedWords(f),
	}, true
}

// severityOfCarried says how much a forwarder matters; not at all when it carries what comes from this host.
func severityOfCarried(f *flow.Forwarder) (s flow.Severity, matters bool) {
	switch {
	case f.Own:
		return flow.SeverityInfo, true
	case f.Zone.Local():
		return 0, false
	case f.Zone == flow.ZoneUnknown, f.Zone == flow.ZoneContainer: // perhaps elsewhere; beside, on the same machine
		return flow.SeverityWarning, true
	default:
		return flow.SeverityCritical, true
	}
}

// carriedWords say which process it is, whom it carries, how it was recognised, and what can be done. A command line is
// not among them: alerts leave the machine, and it may hold a secret even when it was redacted.
func carriedWords(f *flow.Forwarder) string {
	var b strings.Builder
	switch {
	case f.Own:
		b.WriteString("it carries this machine's own connections")
	case f.Far.IsValid():
		fmt.Fprintf(&b, "its far end is %s (zone %s)", f.Far, f.Zone)
	case f.Zone != flow.ZoneUnknown:
		fmt.Fprintf(&b, "its far end is in zone %s", f.Zone)
	default:
		b.WriteString("where its far end is could not be found out")
	}
	if f.PID != 0 {
		b.WriteString("; pid " + strconv.Itoa(f.PID))
	}
	if f.Reason != "" {
		b.WriteString(": " + f.Reason)
	}
	if !f.Own {
		fmt.Fprintf(&b, "; a rule with forwarder: [%s] and action: deny refuses it", f.Name)
	}
	return b.String()
}
