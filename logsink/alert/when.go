package alert

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/patcher"
	"github.com/expr-lang/expr/vm"
)

// What an expression may cost: it is asked of every record.
const (
	maxWhenBytes  = 4096
	maxWhenNodes  = 1000
	maxWhenMemory = 10_000 // elements that one evaluation may create
	maxWhenRange  = 1000   // elements of a literal range
)

// expression is a compiled when.
type expression struct {
	program *vm.Program
	needs   needs
	events  events // of which it can hold
}

// compileWhen compiles an expression that answers true or false, in bounded time and memory: no loops, no clock of its
// own, no function that makes long strings.
func compileWhen(text string) (*expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New(`the expression is empty: expected one as event == "session.refused"`)
	}
	if len(text) > maxWhenBytes {
		return nil, fmt.Errorf("the expression has %d bytes: at most %d are allowed", len(text), maxWhenBytes)
	}
	review := newReviewer()
	options := []expr.Option{
		expr.Env(environment{}), expr.AsBool(), expr.WarnOnAny(), expr.MaxNodes(maxWhenNodes),
		expr.DisableAllBuiltins(), expr.Patch(review), expr.Patch(patcher.WithTimezone{Location: time.Local}),
		expr.Function("inCIDR", inCIDR, new(func(string, string) bool)),
	}
	for _, name := range whenBuiltins() {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	if review.finish(); review.err != nil {
		err = review.err.Bind(file.NewSource(text))
	}
	if err != nil {
		return nil, exprError(err)
	}
	return &expression{program, review.needs, eventsOf(program.Node())}, nil
}

// whenBuiltins are the functions of expr that conditions have. What is left out loops, reads the clock or makes long
// values.
func whenBuiltins() []string {
	return []string{"lower", "upper", "trim", "len", "abs", "int", "string", "duration"}
}

// exprError says on one line what expr says on several.
func exprError(err error) error {
	var located *file.Error
	if !errors.As(err, &located) || located.Line == 0 {
		return errors.New(strings.ReplaceAll(err.Error(), "expected bool, but got",
			"expected true or false, but the expression gives"))
	}
	return fmt.Errorf("line %d, column %d: %s", located.Line, located.Column+1, inWords(located.Message))
}

// inWords takes what is Go's out of a message: expr says "type alert.clientEnvironment has no field zon" and
// "unknown name foo".
func inWords(message string) string {
	kind, name, ok := strings.Cut(strings.TrimPrefix(message, "type alert."), "Environment has no field ")
	if ok {
		return unknownField(kind + "." + name).Error()
	}
	if name, ok := strings.CutPrefix(message, "unknown name "); ok {
		return unknownField(name).Error()
	}
	return message
}

// ask says whether the expression holds of what the environment shows.
func (x *expression) ask(machine *vm.VM, e *environment) (bool, error) {
	out, err := machine.Run(x.program, e)
	if err != nil {
		return false, exprError(err)
	}
	holds, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("the expression gave %T, not true or false", out)
	}
	return holds, nil
}
