package flow

import "time"

// Action is what a verdict says.
type Action uint8

// The actions.
const (
	Deny      Action = iota // the zero value refuses
	Allow                   // the session goes on
	WouldDeny               // observe mode: let in, recorded and alerted as if denied
	Need                    // no answer yet: the peer's process has to be looked for first
)

func actionNames() []string { return []string{"deny", "allow", "would_deny", "need"} }

func (a Action) String() string { return enumName(actionNames(), uint8(a)) }

// MarshalText writes the action's name.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads an action's name.
func (a *Action) UnmarshalText(text []byte) error {
	i, err := parseEnum("action", actionNames(), text)
	*a = Action(i)
	return err
}

// Cause is the kind of reason for which a connection was refused.
type Cause uint8

// The causes.
const (
	CauseNone      Cause = iota
	CauseNonLocal        // the peer is not on this host and no rule lets it in
	CauseDisguised       // the peer claims a local address and is not local
	CauseRule            // a rule of the configuration
	CauseIdentity        // the backend would take this user for lodoor's own (a unix: backend)
	CauseLimit           // too many sessions, or too many a second
	CauseTripwire        // it knocked at an address that is only watched
	CauseJournal         // the open record could not be written
	CauseDraining        // lodoor is shutting down
	CauseInternal        // lodoor could not examine the socket
	CauseHeader          // the PROXY protocol header: missing, malformed, or from a peer that is not trusted to send one
	CauseProtocol        // the client does not speak the service's protocol: an HTTP request at a database's door
	CauseHost            // an HTTP request for another host, or from a page of another origin
	CauseTLS             // the client wants TLS, which the service declines
)

// Causes is how many there are.
const Causes = int(CauseTLS) + 1

func causeNames() []string {
	return []string{
		"", "non_local", "disguised", "rule", "identity", "limit", "tripwire", "journal", "draining", "internal",
		"header", "protocol", "host", "tls",
	}
}

func (c Cause) String() string { return enumName(causeNames(), uint8(c)) }

// MarshalText writes the cause's name.
func (c Cause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a cause's name.
func (c *Cause) UnmarshalText(text []byte) error {
	i, err := parseEnum("cause", causeNames(), text)
	*c = Cause(i)
	return err
}

// Verdict is a decision with a reason that a person understands.
type Verdict struct {
	Action Action
	// Rule is the name of the rule that decided. Built-in rules start with "builtin.".
	Rule string
	// Cause is set when Action is not Allow.
	Cause Cause
	// Reason is a clause without a final stop: "192.0.2.7 is in zone lan; only local peers are let in".
	Reason string
}

// Facts are what a decision is made of.
type Facts struct {
	Service string
	Peer    Peer
	Origin  Origin
	// Sought says that the peer's process has been looked for: what is unknown now remains so.
	Sought bool
	Time   time.Time
}
