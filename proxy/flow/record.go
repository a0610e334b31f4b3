package flow

import (
	"net/netip"
	"time"
)

// Event is what a record tells.
type Event uint8

// The events.
const (
	EventUnknown Event = iota
	EventJournalStart
	EventJournalStop
	EventJournalRecovered
	EventJournalGap
	EventJournalRotated
	EventJournalPruned
	EventSessionOpen
	EventSessionClose
	EventSessionRefused
	EventAlert
	EventConfigLoaded
	EventConfigRejected
	EventSessionOrigin
	EventJournalHeartbeat
	EventOperation
)

func eventNames() []string {
	return []string{
		"", "journal.start", "journal.stop", "journal.recovered", "journal.gap", "journal.rotated", "journal.pruned",
		"session.open", "session.close", "session.refused", "alert", "config.loaded", "config.rejected",
		"session.origin", "journal.heartbeat", "operation",
	}
}

// Events are all that there are, in their order.
func Events() []Event {
	all := make([]Event, 0, len(eventNames())-1)
	for e := range eventNames()[1:] {
		all = append(all, Event(e+1))
	}
	return all
}

func (e Event) String() string { return enumName(eventNames(), uint8(e)) }

// MarshalText writes the event's name.
func (e Event) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads an event's name.
func (e *Event) UnmarshalText(text []byte) error {
	i, err := parseEnum("event", eventNames(), text)
	*e = Event(i)
	return err
}

// Identity names a record for ever. A sequence number that a lost tail made free can come again; an identity cannot,
// since every start of the journal has an epoch of its own.
type Identity struct {
	Journal string // the journal's random id, 32 hexadecimal digits
	Epoch   string // random at every journal.start and after a failure to write, 16 hexadecimal digits
	Seq     uint64 // 1 for the first record of the journal
}

// Record is one line of the journal before it is encoded. The parts that an event does not have are nil.
type Record struct {
	Time    time.Time // the event's own time, not the time of writing
	Event   Event
	Service string // empty when the record is about no service
	Session SessionID
	Peer    *Peer
	Origin  *Origin
	Backend *Endpoint // where the session goes, as configured
	Verdict *Verdict  // of a close only when a gate refused the session
	Outcome *Outcome  // session.close
	Refusal *Refusal  // session.refused
	Alert   *Alert    // alert
	Config  *Config   // config.loaded, config.rejected
	Journal *Journal  // journal.*
	Host    *Host     // journal.start: where the journal is written
	Beat    *Beat     // journal.heartbeat

	Operation *Operation // operation
}

// Host is the machine that lodoor runs on.
type Host struct {
	Name string // host.name: what the machine calls itself
	ID   string // host.id: what it was given at its installation, machine-id(5); empty when there is none
}

// Beat is what lodoor says of itself every few minutes, so that a journal shows when it was there.
type Beat struct {
	Open uint64 // sessions that are open now
	// Sessions are those that were opened since the start, Refused the connections that were not let in, and Dropped
	// the records that are not in the journal.
	Sessions, Refused, Dropped uint64
	// Uptime is the time since the start.
	Uptime time.Duration
	// Without is what this machine, or the rights of this process, do not let lodoor do; each in words.
	Without []string
	// Config is the hash of the configuration in force.
	Config string
	// Services are the names of those that are served.
	Services []string
}

// Refusal is what session.refused says beyond the peer and the verdict of its sample.
type Refusal struct {
	// Count is how many connections this record stands for, at least 1.
	Count uint64
	// Distinct is how many addresses they came from; when DistinctCapped it is a lower bound.
	Distinct       uint64
	DistinctCapped bool
	// Sample are some of their addresses; empty when Count is 1, since Peer says it.
	Sample []netip.AddrPort
	// Tripwire says that they came to an address that is only watched.
	Tripwire bool
}

// Severity is how much an alert matters.
type Severity uint8

// The severities.
const (
	SeverityInfo Severity = iota
	SeverityWarning
	SeverityCritical
)

func severityNames() []string { return []string{"info", "warning", "critical"} }

func (s Severity) String() string { return enumName(severityNames(), uint8(s)) }

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	i, err := parseEnum("severity", severityNames(), text)
	*s = Severity(i)
	return err
}

// Alert asks for a person's attention. One alert stands for a group of like events.
type Alert struct {
	// ID names the group: it is the same in all its alerts, and a person silences it by that. 16 hexadecimal digits.
	ID        string
	Condition string // built in: see package alert; otherwise the name in the configuration
	Severity  Severity
	Zone      Zone      // of the peers; ZoneUnknown when the condition is not about peers
	Count     uint64    // how many events since the group began
	First     time.Time // of the group
	Last      time.Time
	Repeat    bool // the group was told before; Count has grown since
	Observed  bool // observe mode: it was let in
	Resolved  bool // the group is over
	Silenced  bool // a person wants to hear nothing of the group for a while: it is recorded, not delivered
	Message   string
	Sample    []netip.AddrPort
	// Forwarder and Program name whom the group is about; empty when it is about neither.
	Forwarder, Program string
	// By are the values that a condition of the configuration counts by, in its order.
	By []Label
}

// Label is a field of records and its value.
type Label struct{ Name, Value string }

// Config is what config.loaded and config.rejected say.
type Config struct {
	Hash   string // SHA-256 of the effective configuration, secrets hidden
	Source string // file, or "flags"
	Error  string // config.rejected: every problem, one a line
	// Services are the names of those that are served, config.loaded.
	Services []string
}

// Journal is what the journal says of itself.
type Journal struct {
	ID      string
	Epoch   string
	Version string // lodoor's, at journal.start
	PID     int    // of the writer, at journal.start
	Segment string // file name
	// First and Last are the sequence numbers that a gap, a recovery or a pruned segment is about.
	First, Last uint64
	// Head is the chain value after Last, hexadecimal.
	Head string
	// Count is of records (gap: dropped ones) or sessions (recovered: closed ones; stop: ones still open).
	Count uint64
	// Bytes is what was set aside or freed.
	Bytes uint64
	// Reason is in words.
	Reason string
}
