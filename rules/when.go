package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/patcher"
	"github.com/expr-lang/expr/vm"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What an expression may cost. It runs on the path of a connection.
const (
	maxWhenBytes  = 4096
	maxWhenNodes  = 1000
	maxWhenMemory = 10_000 // elements that one evaluation may create
	maxWhenRange  = 1000   // elements of a literal range
)

// uses are the kinds of fields that an expression has.
type uses uint8

const (
	usesProcess uses = 1 << iota // of one process: the expression is asked of each that may speak
	usesSearch                   // what is known once the process was looked for
	usesClient
)

// condition is a compiled expression.
type condition struct {
	program *vm.Program
	fields  uses
}

// uses says whether the expression has one of the kinds of fields; no expression has none.
func (c *condition) uses(kinds uses) bool { return c != nil && c.fields&kinds != 0 }

// compileWhen compiles an expression that answers true or false, in bounded time and memory: no loops, no clock of its
// own, no builtin that makes long strings.
func compileWhen(text string, zone *time.Location, services []string) (*condition, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the expression is empty: leave it out to match any peer")
	}
	if len(text) > maxWhenBytes {
		return nil, fmt.Errorf("the expression has %d bytes: at most %d are allowed", len(text), maxWhenBytes)
	}
	review := newReviewer(services)
	options := []expr.Option{
		expr.Env(environment{}), expr.AsBool(), expr.WarnOnAny(), expr.MaxNodes(maxWhenNodes),
		expr.DisableAllBuiltins(), expr.Patch(review), expr.Patch(patcher.WithTimezone{Location: zone}),
		expr.Function("inCIDR", inCIDR, new(func(string, string) bool)),
	}
	options = append(options, guardFunctions()...)
	for _, name := range whenBuiltins() {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	if review.finish(); review.err != nil {
		err = review.at(text)
	}
	if err != nil {
		return nil, exprError(err)
	}
	return &condition{program, review.fields}, nil
}

// whenBuiltins are the functions of expr that rules have. What is left out loops, reads the clock or makes long values.
func whenBuiltins() []string {
	return []string{"lower", "upper", "trim", "len", "abs", "int", "string", "date", "duration"}
}

// exprError says on one line what expr says on several.
func exprError(err error) error {
	var located *file.Error
	if !errors.As(err, &located) || located.Line == 0 {
		return errors.New(strings.ReplaceAll(err.Error(), "expected bool, but got", "expected true or false, but the expression gives"))
	}
	return fmt.Errorf("line %d, column %d: %s", located.Line, located.Column+1, inWords(located.Message))
}

// inWords takes the names of Go's types out of a message: expr says "type rules.peerEnvironment has no field zon".
func inWords(message string) string {
	kind, field, ok := strings.Cut(strings.TrimPrefix(message, "type rules."), "Environment has no field ")
	if !ok {
		return message
	}
	return fmt.Sprintf("there is no %s.%s; docs/rules.md lists the fields", kind, field)
}

// inCIDR is inCIDR(address, range): false for an empty address, which a Unix-socket peer has.
func inCIDR(args ...any) (any, error) {
	address, _ := args[0].(string)
	text, _ := args[1].(string)
	c, err := ParseCIDR(text)
	if err != nil || address == "" {
		return false, err
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false, fmt.Errorf("inCIDR: %q is not an address", address)
	}
	return c.Contains(plain(addr)), nil
}

// evaluator runs conditions; each has one environment, filled once per decision.
type evaluator struct {
	vm      vm.VM
	env     environment
	filled  bool
	more    uses          // the kinds of fields that are filled too
	process *flow.Process // that the environment shows
}

func newEvaluator() *evaluator {
	return &evaluator{vm: vm.VM{MemoryBudget: maxWhenMemory}, env: environment{Process: &processEnvironment{}}}
}

// ask evaluates c on f, once for each process that may speak when it is about processes. It is unknown when they do not
// agree, or when the expression fails; and pending when it may have failed for want of the process.
func (e *evaluator) ask(c *condition, f *flow.Facts, zone *time.Location) (answer, error) {
	if !e.filled {
		e.env.fill(f, zone)
		e.filled, e.more, e.process = true, 0, nil
	}
	if lacks := c.fields &^ e.more; lacks != 0 {
		e.env.fillMore(f, lacks)
		e.more |= lacks
	}
	if c.uses(usesProcess) && processKnown(&f.Origin) {
		return e.askAll(c, &f.Origin)
	}
	a, err := e.run(c)
	if err != nil && c.uses(usesSearch) && !processKnown(&f.Origin) {
		a = wanting(f)
	}
	return a, err
}

func (e *evaluator) askAll(c *condition, o *flow.Origin) (answer, error) {
	var failed error
	all := ofAll(o, func(p *flow.Process) answer {
		if e.process != p {
			e.env.enter(p)
			e.process = p
		}
		a, err := e.run(c)
		if err != nil {
			failed = err
		}
		return a
	})
	if all == unknown && failed == nil {
		failed = errors.New("the processes that may speak on the connection do not agree")
	}
	return all, failed
}

func (e *evaluator) run(c *condition) (answer, error) {
	out, err := e.vm.Run(c.program, &e.env)
	if err != nil {
		return unknown, exprError(err)
	}
	holds, ok := out.(bool)
	if !ok {
		return unknown, fmt.Errorf("the expression gave %T, not true or false", out)
	}
	return sure(holds), nil
}
