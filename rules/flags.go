package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ParseZoneOrCIDR reads what follows --allow and --deny, a zone's name or what [ParseCIDR] reads, and returns the rule
// that it stands for: "flag.allow.lan", "flag.deny.10.0.0.0/8".
func ParseZoneOrCIDR(action Action, text string) (Rule, error) {
	r := Rule{Action: action}
	var zone flow.Zone
	notZone := zone.UnmarshalText([]byte(text))
	if notZone == nil {
		r.Zones = []flow.Zone{zone}
		r.Name = flagName(action, zone.String())
		return r, nil
	}
	if !strings.ContainsAny(text, ".:/") {
		return Rule{}, fmt.Errorf("%w, or an address or a range such as 10.0.0.0/8", notZone)
	}
	c, err := ParseCIDR(text)
	if err != nil {
		return Rule{}, err
	}
	r.CIDRs = []CIDR{c}
	r.Name = flagName(action, c.String())
	return r, nil
}

func flagName(a Action, what string) string { return "flag." + a.String() + "." + what }

// Flags collects --allow and --deny in the order in which they were typed. The zero Flags is ready.
type Flags struct{ rules []Rule }

// Rules are the rules that were collected; they go before those of Settings.
func (f *Flags) Rules() []Rule { return slices.Clone(f.rules) }

// Value is the value of one of the two flags, as flag and pflag want it.
func (f *Flags) Value(a Action) *FlagValue { return &FlagValue{f, a} }

// FlagValue adds a rule with one action to [Flags].
type FlagValue struct {
	flags  *Flags
	action Action
}

// Set adds a rule. The same one a second time adds nothing: the first would always win.
func (v *FlagValue) Set(text string) error {
	r, err := ParseZoneOrCIDR(v.action, text)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.flags.rules, func(o Rule) bool { return o.Name == r.Name }) {
		v.flags.rules = append(v.flags.rules, r)
	}
	return nil
}

// String is what was typed so far.
func (v *FlagValue) String() string {
	if v == nil || v.flags == nil {
		return ""
	}
	var typed []string
	for _, r := range v.flags.rules {
		if r.Action == v.action {
			typed = append(typed, strings.TrimPrefix(r.Name, flagName(v.action, "")))
		}
	}
	return strings.Join(typed, ",")
}

// Type is what usage texts say of the flag.
func (v *FlagValue) Type() string { return "ZONE|CIDR" }
