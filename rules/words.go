package rules

import "fmt"

// Action is what a rule does with a peer that it matches. It is not [flow.Action], whose zero value refuses: a rule
// in which the action was forgotten is an error.
type Action uint8

// The actions.
const (
	ActionUnset Action = iota // not given: an error
	ActionAllow
	ActionDeny
)

func (a Action) String() string {
	switch a {
	case ActionUnset:
		return ""
	case ActionAllow:
		return "allow"
	case ActionDeny:
		return "deny"
	}
	return fmt.Sprintf("invalid(%d)", uint8(a))
}

// MarshalText writes the action's name; empty when it was not given.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads allow or deny.
func (a *Action) UnmarshalText(text []byte) error {
	switch string(text) {
	case "allow":
		*a = ActionAllow
	case "deny":
		*a = ActionDeny
	case "would_deny":
		return fmt.Errorf("action %q is what observe mode records: write action deny and enforce observe", text)
	default:
		return fmt.Errorf("unknown action %q: expected one of allow, deny", text)
	}
	return nil
}

// Enforcement is whether a denial is carried out or only told.
type Enforcement uint8

// The enforcements.
const (
	EnforceDefault Enforcement = iota // follow the global setting, which is on
	EnforceOn
	EnforceObserve
)

func (e Enforcement) String() string {
	switch e {
	case EnforceDefault:
		return ""
	case EnforceOn:
		return "on"
	case EnforceObserve:
		return "observe"
	}
	return fmt.Sprintf("invalid(%d)", uint8(e))
}

// MarshalText writes on or observe; empty when it follows the global setting.
func (e Enforcement) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads on or observe; empty text follows the global setting.
func (e *Enforcement) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*e = EnforceDefault
	case "on":
		*e = EnforceOn
	case "observe":
		*e = EnforceObserve
	default:
		return fmt.Errorf("unknown enforcement %q: expected one of on, observe", text)
	}
	return nil
}

// observes says whether a denial is only told, given the global setting.
func (e Enforcement) observes(global bool) bool {
	if e == EnforceDefault {
		return global
	}
	return e == EnforceObserve
}

// OnUnknown is for whom it counts when a condition's answer is not known.
type OnUnknown uint8

// What is done about the unknown.
const (
	OnUnknownDefault OnUnknown = iota // follow the global setting, which is deny
	OnUnknownDeny                     // it counts against the peer: an allow rule does not match, a deny rule does
	OnUnknownAllow                    // it counts for the peer: an allow rule matches, a deny rule does not
)

func (u OnUnknown) String() string {
	switch u {
	case OnUnknownDefault:
		return ""
	case OnUnknownDeny:
		return "deny"
	case OnUnknownAllow:
		return "allow"
	}
	return fmt.Sprintf("invalid(%d)", uint8(u))
}

// MarshalText writes deny or allow; empty when it follows the global setting.
func (u OnUnknown) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads deny or allow; empty text follows the global setting.
func (u *OnUnknown) UnmarshalText(text []byte) error {
	switch string(text) {
	case "":
		*u = OnUnknownDefault
	case "deny":
		*u = OnUnknownDeny
	case "allow":
		*u = OnUnknownAllow
	default:
		return fmt.Errorf("unknown word %q: expected one of deny, allow", text)
	}
	return nil
}

// lenient says whether the unknown counts for the peer, given the global setting.
func (u OnUnknown) lenient(global bool) bool {
	if u == OnUnknownDefault {
		return global
	}
	return u == OnUnknownAllow
}
