// Package rules decides who is let in: parse, compile to an immutable set, decide, explain.
package rules

import (
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Enforcement is whether a denial is carried out or only told.
type Enforcement uint8

// The enforcements.
const (
	EnforceDefault Enforcement = iota // a rule that follows the global setting
	EnforceOn
	EnforceObserve
)

// Settings are the rules as a person writes them.
type Settings struct {
	Enforce Enforcement `mapstructure:"enforce"` // on when not set
	Rules   []Rule      `mapstructure:"rules"`
}

// Rule is one named rule. A rule matches when each of its non-empty conditions does; in a list, one match is enough.
type Rule struct {
	Name       string         `mapstructure:"name"`
	Action     flow.Action    `mapstructure:"action"` // allow or deny
	Enforce    Enforcement    `mapstructure:"enforce"`
	Services   []string       `mapstructure:"services"`
	Zones      []flow.Zone    `mapstructure:"zones"`
	CIDRs      []netip.Prefix `mapstructure:"cidrs"`
	Interfaces []string       `mapstructure:"interfaces"`
	Users      []string       `mapstructure:"users"` // names or numbers
	When       string         `mapstructure:"when"`  // expr-lang
}

// Service is what the rules have to know of a service.
type Service struct {
	Name string
	// UnixBackend says that the backend is a Unix socket, which may take every client for lodoor's own user.
	UnixBackend bool
	// Rules come before those of Settings.
	Rules []Rule
}
