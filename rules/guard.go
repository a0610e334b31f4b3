package rules

import (
	"fmt"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// knownFact and givenFact are the functions that stand before every use of a field that may not be known: what is not
// known must not compare as if it were. Their names have a space, so that nobody can write them.
const (
	knownFact = "known fact" // fails unless it is said to be known
	givenFact = "given fact" // also when it is empty
)

// guard says how it is told whether a field is known.
type guard struct {
	flag string // the field that says so
	fact string // knownFact or givenFact
	what string // for messages; otherwise the field's name
}

// guards are those of fields that may not be known.
func guards() map[string]guard {
	user := guard{"uid_known", knownFact, "the peer's user"}
	process, group := guard{"process known", givenFact, ""}, guard{"process group known", knownFact, ""}
	owner, forwarder := guard{"process user known", knownFact, ""}, guard{"forwarder known", knownFact, ""}
	return map[string]guard{
		"uid": user, "user": user,
		"process.pid": process, "process.program": process, "process.executable": process, "process.command_line": process,
		"process.cwd": process, "process.cgroup": process, "process.parents": process,
		"process.unit": group, "process.container": group, "process.runtime": group,
		"process.user": owner, "process.uid": owner,
		"process.tty": {"process known", knownFact, ""}, // a process without a terminal has none
		"forwarder":   forwarder, "forwarder_zone": forwarder, "forwarder_own": forwarder,
		"attribution": {"attribution known", knownFact, ""},
	}
}

// before puts the guard before a field.
func (g guard) before(node *ast.Node, name string) {
	what := g.what
	if what == "" {
		what = name
	}
	ast.Patch(node, &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: g.fact},
		Arguments: []ast.Node{*node, &ast.IdentifierNode{Value: g.flag}, &ast.StringNode{Value: what}},
	})
}

// guardFunctions are the two functions, for each type that a field has.
func guardFunctions() []expr.Option {
	types := []any{
		new(func(string, bool, string) string), new(func(int, bool, string) int), new(func(bool, bool, string) bool),
		new(func([]string, bool, string) []string),
	}
	return []expr.Option{
		expr.Function(knownFact, func(args ...any) (any, error) { return fact(args, true) }, types...),
		expr.Function(givenFact, func(args ...any) (any, error) { return fact(args, notEmpty(args[0])) }, types...),
	}
}

// fact returns the first argument when the second says that it is known and ok does.
func fact(args []any, ok bool) (any, error) {
	if said, _ := args[1].(bool); !said || !ok {
		return nil, fmt.Errorf("%s is not known", args[2])
	}
	return args[0], nil
}

// notEmpty says whether a value is not the zero one.
func notEmpty(v any) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case int:
		return v != 0
	case []string:
		return len(v) > 0
	}
	return true
}
