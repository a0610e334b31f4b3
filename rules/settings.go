// Package rules decides who is let in: parse, compile to an immutable set, decide, explain.
//
// docs/rules.md is the same for the person who writes rules.
package rules

import "github.com/lodoor/lodoor/proxy/flow"

// Settings are the rules as a person writes them.
type Settings struct {
	// Enforce is on when not set.
	Enforce Enforcement `mapstructure:"enforce"`
	// Rules are asked in this order, those of the command line first.
	Rules []Rule `mapstructure:"rules"`
}

// Rule is one named rule. A rule matches when each of its conditions does; in a list, one match is enough. A
// condition that was not given is nil and matches every peer; a list that was given empty is an error.
type Rule struct {
	Name       string      `mapstructure:"name"`
	Action     Action      `mapstructure:"action"`
	Enforce    Enforcement `mapstructure:"enforce"`
	Services   []string    `mapstructure:"services"`
	Zones      []flow.Zone `mapstructure:"zones"`
	CIDRs      []CIDR      `mapstructure:"cidrs"`
	Interfaces []string    `mapstructure:"interfaces"` // exact, or with one * at the end
	Users      []string    `mapstructure:"users"`      // names or numbers
	When       string      `mapstructure:"when"`       // expr-lang
}

// Service is what the rules have to know of a service.
type Service struct {
	Name string
	// UnixBackend says that the backend is a Unix socket, which may take every client for lodoor's own user.
	UnixBackend bool
	// Rules come before those of Settings.
	Rules []Rule
}
