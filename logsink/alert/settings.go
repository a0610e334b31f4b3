// Package alert turns records into messages for a person: conditions and grouping.
//
// [Alerts] reads records and appends alerts to the same log, so that they are in the journal and on the console like
// everything else; package channel reads those and delivers them.
package alert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Settings are the alerts' part of the configuration.
type Settings struct {
	// Repeat is how long a group waits before it says that its count has grown; 1 minute. The next time it waits twice
	// as long, up to an hour.
	Repeat time.Duration `mapstructure:"repeat"`
	// Wait is how long a new group gathers events before it is first told; 0 is not at all, at most 1 hour.
	Wait time.Duration `mapstructure:"wait"`
	// Threshold is how many events a group has before it is first told; 0 is 1.
	Threshold int `mapstructure:"threshold"`
	// Disable are names of built-in conditions that make no alerts.
	Disable []string `mapstructure:"disable"`
	// Severity gives conditions that are built in another severity.
	Severity []Override `mapstructure:"severity"`
	// Conditions are the person's own, at most 64.
	Conditions []Condition `mapstructure:"conditions"`
}

// Override gives a built-in condition another severity.
type Override struct {
	Condition string `mapstructure:"condition"`
	Severity  string `mapstructure:"severity"` // info, warning or critical
}

// Condition is one of the configuration.
type Condition struct {
	// Name is the condition's; its alerts have it. Lower-case letters, digits and _, at most 64.
	Name string `mapstructure:"name"`
	// When is an expression over a record that says whether it counts; docs/alerts.md lists the fields.
	When string `mapstructure:"when"`
	// Window says how many of them in what time are an alert, as "count() > 20 in 1m by service"; empty is every one.
	Window string `mapstructure:"window"`
	// Severity is info, warning or critical; empty is warning.
	Severity string `mapstructure:"severity"`
	// Message is for the person who gets the alert; empty is the condition itself.
	Message string `mapstructure:"message"`
	// ResolveAfter is how long it must not have held to be told as resolved; 0 is never, at most 24 hours.
	ResolveAfter time.Duration `mapstructure:"resolve_after"`
}

const (
	defaultRepeat   = time.Minute
	minRepeat       = time.Second
	maxWait         = time.Hour
	maxConditions   = 64
	maxName         = 64
	maxMessage      = 512
	maxResolveAfter = 24 * time.Hour
)

// Validate says which keys have impossible values, one a line. It reads no file.
func (s Settings) Validate() error {
	_, err := s.compile()
	return err
}

// policy is Settings, compiled.
type policy struct {
	repeat, wait time.Duration
	threshold    uint64
	disabled     map[string]bool
	severity     map[string]flow.Severity
	itself       map[string]bool // conditions that wait for nothing
	own          []*own
	needs        needs // of all of them
}

// compile makes a policy; the error is what Validate says.
func (s Settings) compile() (*policy, error) {
	p := &policy{
		repeat: s.Repeat, wait: s.Wait, threshold: uint64(max(1, s.Threshold)),
		disabled: map[string]bool{}, severity: map[string]flow.Severity{}, itself: map[string]bool{},
	}
	if p.repeat == 0 {
		p.repeat = defaultRepeat
	}
	for _, b := range Builtins() {
		p.itself[b.Name] = b.Itself
	}
	err := errors.Join(s.checkTimes(), p.disable(s.Disable), p.override(s.Severity), p.compileOwn(s.Conditions))
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (s Settings) checkTimes() error {
	var errs []error
	if s.Repeat != 0 && s.Repeat < minRepeat {
		errs = append(errs, fmt.Errorf("repeat: %v is too short: expected at least %v, or 0 for %v", s.Repeat, minRepeat,
			defaultRepeat))
	}
	if s.Wait < 0 || s.Wait > maxWait {
		errs = append(errs, fmt.Errorf("wait: %v: expected a duration from 0 to %v", s.Wait, maxWait))
	}
	if s.Threshold < 0 {
		errs = append(errs, fmt.Errorf("threshold: %d is negative: expected a number of events, or 0 for 1", s.Threshold))
	}
	return errors.Join(errs...)
}

func (p *policy) disable(names []string) error {
	var errs []error
	for i, name := range names {
		switch b := builtinNamed(name); {
		case b == nil:
			errs = append(errs, fmt.Errorf("disable[%d]: %w", i, unknownCondition(name)))
		case b.Fixed:
			errs = append(errs, fmt.Errorf("disable[%d]: %s cannot be switched off: a silence (lodoor alerts silence) "+
				"keeps it from being delivered for a while", i, name))
		default:
			p.disabled[name] = true
		}
	}
	return errors.Join(errs...)
}

func (p *policy) override(list []Override) error {
	var errs []error
	for i, o := range list {
		if builtinNamed(o.Condition) == nil {
			errs = append(errs, fmt.Errorf("severity[%d].condition: %w", i, unknownCondition(o.Condition)))
		}
		if _, twice := p.severity[o.Condition]; twice {
			errs = append(errs, fmt.Errorf("severity[%d].condition: %s is given twice", i, o.Condition))
		}
		var severity flow.Severity
		if err := severity.UnmarshalText([]byte(o.Severity)); err != nil {
			errs = append(errs, fmt.Errorf("severity[%d].severity: %w", i, err))
		}
		p.severity[o.Condition] = severity
	}
	return errors.Join(errs...)
}

func unknownCondition(name string) error {
	var names []string
	for _, b := range Builtins() {
		names = append(names, b.Name)
	}
	slices.Sort(names)
	return fmt.Errorf("there is no built-in condition %q: expected one of %s", name, strings.Join(names, ", "))
}
