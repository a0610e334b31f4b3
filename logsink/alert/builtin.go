package alert

import (
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// The conditions that are built in.
const (
	NonLocalPeer  = "non_local_peer"
	CarriedPeer   = "forwarder"
	Denied        = "denied"
	CrossProtocol = "cross_protocol"
	Limit         = "limit"
	Burst         = "burst"
	NewProgram    = "new_program"
	BackendDown   = "backend_down"
	JournalLost   = "journal"
	DiskFull      = "disk"
	SinkLag       = "sink_lag"
	ConfigBroken  = "config"
	ClockJumped   = "clock_jumped"
	TestAlert     = "test"
	Other         = "other"
)

// Builtin is a condition that is built in.
type Builtin struct {
	Name  string
	Means string
	// Severity is the mildest that its alerts have, unless the configuration says otherwise.
	Severity flow.Severity
	// Itself says that it is about lodoor and what it needs, not about who connects: it is told at once, whatever
	// [Settings.Wait] and [Settings.Threshold] are.
	Itself bool
	// Fixed says that it cannot be switched off.
	Fixed bool
}

// Builtins are the conditions that are built in.
func Builtins() []Builtin {
	const info, warning, critical = flow.SeverityInfo, flow.SeverityWarning, flow.SeverityCritical
	return []Builtin{
		{Name: NonLocalPeer, Severity: warning, Means: "a peer that is not on this host, or not shown to be, was refused"},
		{Name: CarriedPeer, Severity: info, Means: "a process of this host carries somebody else's connection"},
		{Name: Denied, Severity: warning, Means: "refused by a rule, for a PROXY header, or for an identity that the " +
			"backend would mistake for lodoor's own"},
		{Name: CrossProtocol, Severity: critical, Means: "a browser, or what behaves like one, at a service that is not " +
			"for it"},
		{Name: Limit, Severity: warning, Means: "too many sessions, or too many a second"},
		{Name: Burst, Severity: info, Means: "many sessions of one program or address, or many refusals that are not " +
			"told otherwise, in a minute"},
		{Name: NewProgram, Severity: info, Means: "a program that was not seen at this service while programs were learned"},
		{Name: BackendDown, Severity: warning, Itself: true, Means: "the backend could not be reached"},
		{Name: JournalLost, Severity: critical, Itself: true, Fixed: true, Means: "a record is not in " +
			"the journal"},
		{Name: DiskFull, Severity: critical, Itself: true, Fixed: true, Means: "the journal's file " +
			"system has no space left"},
		{Name: SinkLag, Severity: warning, Itself: true, Means: "records do not get where they are sent"},
		{Name: ConfigBroken, Severity: warning, Itself: true, Means: "a new configuration was rejected"},
		{Name: ClockJumped, Severity: warning, Itself: true, Means: "the wall clock was set by more than 2 seconds"},
		{Name: TestAlert, Severity: info, Itself: true, Fixed: true, Means: "a person tries whether alerts arrive"},
		{Name: Other, Severity: warning, Itself: true, Fixed: true, Means: "what could not be told by itself"},
	}
}

// builtinNamed finds a condition that is built in; nil when there is none of that name.
func builtinNamed(name string) *Builtin {
	all := Builtins()
	if i := slices.IndexFunc(all, func(b Builtin) bool { return b.Name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}
