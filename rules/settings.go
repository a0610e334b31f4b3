// Package rules decides who is let in: parse, compile to an immutable set, decide, explain.
//
// docs/rules.md is the same for the person who writes rules.
package rules

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// How long a session may wait for the peer's process.
const (
	defaultProcessWait = 200 * time.Millisecond
	leastProcessWait   = time.Millisecond
	mostProcessWait    = 10 * time.Second
)

// Settings are the rules as a person writes them.
type Settings struct {
	// Enforce is on when not set.
	Enforce Enforcement `mapstructure:"enforce"`
	// OnUnknown is deny when not set.
	OnUnknown OnUnknown `mapstructure:"on_unknown"`
	// ProcessWait is how long a session waits for the peer's process when a rule needs it, 1ms to 10s; 0 is 200ms.
	ProcessWait time.Duration `mapstructure:"process_wait"`
	// Rules are asked in this order, those of the command line first.
	Rules []Rule `mapstructure:"rules"`
}

// Validate returns an error when a setting beside the rules cannot be obeyed; it starts with the key. [Compile] asks it.
func (s Settings) Validate() error {
	if w := s.ProcessWait; w != 0 && (w < leastProcessWait || w > mostProcessWait) {
		return fmt.Errorf("process_wait: %v: expected a time from %v to %v, or 0 for %v", w, leastProcessWait, mostProcessWait, defaultProcessWait)
	}
	if s.OnUnknown > OnUnknownAllow {
		return fmt.Errorf("on_unknown: unknown word %s: expected one of deny, allow", s.OnUnknown)
	}
	return nil
}

// Rule is one named rule. A rule matches when each of its conditions does; in a list, one match is enough. A
// condition that was not given is nil and matches every peer; a list that was given empty is an error.
type Rule struct {
	Name      string      `mapstructure:"name"`
	Action    Action      `mapstructure:"action"`
	Enforce   Enforcement `mapstructure:"enforce"`
	OnUnknown OnUnknown   `mapstructure:"on_unknown"`
	Services  []string    `mapstructure:"services"`
	// The peer: where the connection itself comes from.
	Zones      []flow.Zone `mapstructure:"zones"`
	CIDRs      []CIDR      `mapstructure:"cidrs"`
	Interfaces []string    `mapstructure:"interfaces"` // exact, or with one * at the end
	// The client whom a PROXY header tells; without one, the peer.
	ClientZones []flow.Zone `mapstructure:"client_zones"`
	ClientCIDRs []CIDR      `mapstructure:"client_cidrs"`
	// Who is behind the peer.
	Users       []string   `mapstructure:"users"`       // names or numbers
	Executables []string   `mapstructure:"executables"` // a path, or a directory with a / at the end
	Programs    []string   `mapstructure:"programs"`    // exact, or with one * at the end
	Containers  []string   `mapstructure:"containers"`  // the start of an id, a runtime, * or none
	Units       []string   `mapstructure:"units"`       // exact, or with one * at the end
	Forwarder   Forwarders `mapstructure:"forwarder"`
	When        string     `mapstructure:"when"` // expr-lang
}

// Service is what the rules have to know of a service.
type Service struct {
	Name string
	// UnixBackend says that the backend is a Unix socket, which may take every client for lodoor's own user.
	UnixBackend bool
	// ProxyProtocol says that peers of the service may speak for clients elsewhere. It is for the warnings; a peer that
	// does so is treated right without it.
	ProxyProtocol bool
	// Rules come before those of Settings.
	Rules []Rule
}
