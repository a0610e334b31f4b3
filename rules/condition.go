package rules

import (
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Condition is an expression of its own, outside of any rule: the when of a recording.
type Condition struct {
	when       *condition
	zone       *time.Location
	evaluators sync.Pool
}

// CompileCondition compiles an expression with the fields that the when of a rule has; services are the names that it
// may compare with.
func CompileCondition(text string, services []string) (*Condition, error) {
	when, err := compileWhen(text, time.Local, services)
	if err != nil {
		return nil, err
	}
	c := &Condition{when: when, zone: time.Local}
	c.evaluators.New = func() any { return newEvaluator() }
	return c, nil
}

// NeedsProcess says whether it asks about the peer's process.
func (c *Condition) NeedsProcess() bool { return c.when.uses(usesProcess | usesSearch) }

// Holds says whether the condition is known to hold. What it asks about and is not known does not.
func (c *Condition) Holds(f *flow.Facts) bool {
	e := c.evaluators.Get().(*evaluator)
	defer c.evaluators.Put(e)
	e.filled = false
	a, err := e.ask(c.when, f, c.zone)
	return err == nil && a == sure(true)
}
