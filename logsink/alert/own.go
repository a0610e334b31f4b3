package alert

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
)

// own is a condition of the configuration, compiled.
type own struct {
	Condition
	severity flow.Severity
	when     *expression
	window   *window // nil is every record
	tally    *tally
	measured field // of the window; that of count() has no name
	by       []field
	needs    needs

	key, value []byte // used again and again
}

// compileOwn compiles the conditions of the configuration. The error names the key of each problem.
func (p *policy) compileOwn(list []Condition) error {
	if len(list) > maxConditions {
		return fmt.Errorf("conditions: there are %d: at most %d are allowed", len(list), maxConditions)
	}
	var errs []error
	for i, c := range list {
		o, problems := newOwn(c)
		if slices.ContainsFunc(p.own, func(o *own) bool { return o.Name == c.Name }) {
			problems = append(problems, errors.New("name: another condition has the same name"))
		}
		for _, err := range problems {
			errs = append(errs, fmt.Errorf("conditions[%d].%w", i, err))
		}
		p.own = append(p.own, o)
		p.needs |= o.needs
	}
	return errors.Join(errs...)
}

// newOwn compiles one condition; the problems begin with their key.
func newOwn(c Condition) (o *own, problems []error) {
	keep := func(key string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", key, err))
		}
	}
	o = &own{Condition: c, severity: flow.SeverityWarning}
	keep("name", checkName(c.Name))
	if c.Severity != "" {
		keep("severity", o.severity.UnmarshalText([]byte(c.Severity)))
	}
	if len(c.Message) > maxMessage || !utf8.ValidString(c.Message) {
		keep("message", fmt.Errorf("expected at most %d bytes of UTF-8", maxMessage))
	}
	if c.ResolveAfter < 0 || c.ResolveAfter > maxResolveAfter {
		keep("resolve_after", fmt.Errorf("%v: expected a duration from 0 to 24h", c.ResolveAfter))
	}
	var err error
	if o.when, err = compileWhen(c.When); err != nil {
		keep("when", err)
	} else {
		o.needs = o.when.needs
	}
	if c.Window != "" {
		keep("window", o.compileWindow())
	}
	return o, problems
}

func checkName(name string) error {
	ordinary := func(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_' }
	switch {
	case name == "":
		return errors.New("every condition needs one: its alerts tell it")
	case len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return !ordinary(r) }):
		return fmt.Errorf("%q: expected at most %d of a to z, 0 to 9 and _", name, maxName)
	case builtinNamed(name) != nil:
		return fmt.Errorf("%s is a built-in condition: expected a name of its own", name)
	}
	return nil
}

// compileWindow reads the window and finds its fields.
func (o *own) compileWindow() (err error) {
	if o.window, err = parseWindow(o.Window); err != nil {
		return err
	}
	for _, name := range o.window.by {
		f, err := fieldNamed(name)
		if err != nil {
			return err
		}
		o.by = append(o.by, f)
		o.needs |= needsOf(name)
	}
	if o.window.measure != measureCount {
		if o.measured, err = fieldNamed(o.window.field); err != nil {
			return err
		}
		o.needs |= needsOf(o.window.field)
		if err := o.window.fits(o.measured); err != nil {
			return err
		}
	}
	o.tally = newTally(o.window)
	return nil
}

// fits says whether a field is of the kind that the window measures.
func (w *window) fits(f field) error {
	number := f.kind.String() == "int" || f.time
	switch {
	case w.measure == measureDistinct:
		return nil
	case !number:
		return fmt.Errorf("%s(%s): %s is no number: expected one, or distinct(%s)", w.measure, f.name, f.name, f.name)
	case f.time && !w.time:
		return fmt.Errorf("%s(%s) is a duration: expected one to compare it with, as 5s", w.measure, f.name)
	case !f.time && w.time:
		return fmt.Errorf("%s(%s) is a number: expected one to compare it with, not a duration", w.measure, f.name)
	}
	return nil
}
