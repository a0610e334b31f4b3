package rules

import "fmt"

// RuleError is one thing wrong with one rule.
type RuleError struct {
	// Service is whose own rule it is; empty for a rule of Settings.
	Service string
	// Index is the rule's place in its list, from 0.
	Index int
	// Rule is its name; empty when it has none.
	Rule string
	// Key is what is wrong in it: "name", "users[1]".
	Key string
	Err error
}

func (e *RuleError) Error() string {
	where := fmt.Sprintf("rules[%d]", e.Index)
	if e.Service != "" {
		where = fmt.Sprintf("service %q: %s", e.Service, where)
	}
	if e.Rule != "" {
		where += fmt.Sprintf(" %q", e.Rule)
	}
	return fmt.Sprintf("%s: %s: %v", where, e.Key, e.Err)
}

func (e *RuleError) Unwrap() error { return e.Err }
