package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/lodoor/lodoor/proxy/flow"
)

// knownUser is the name of the function that guards uid and user. It has a space, so that nobody can write it.
const knownUser = "known user"

// reviewer walks a parsed expression. It refuses what could run long, and words that can never be equal to what they
// are compared with; and it puts a guard before uid and user. It keeps the first objection.
type reviewer struct {
	words map[string][]string // field to the words that it can hold
	err   *file.Error
}

// closedWords are the fields whose every possible value is known.
func closedWords(services []string) map[string][]string {
	var zones []string
	for z := flow.ZoneUnknown; z <= flow.ZonePublic; z++ {
		zones = append(zones, z.String())
	}
	return map[string][]string{
		"peer.zone": zones,
		"weekday":   {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
		"service":   services,
	}
}

// Visit looks at one node; its children were visited before.
func (v *reviewer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		v.object(n, "loops (all, any, filter, map, count and the like) are not allowed in rules")
	case *ast.IdentifierNode:
		v.identifier(node, n)
	case *ast.CallNode:
		v.call(n)
	case *ast.BinaryNode:
		v.binary(n)
	}
}

func (v *reviewer) object(n ast.Node, format string, args ...any) {
	if v.err == nil {
		v.err = &file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

// at returns the objection with its line and column.
func (v *reviewer) at(text string) error { return v.err.Bind(file.NewSource(text)) }

func (v *reviewer) identifier(node *ast.Node, n *ast.IdentifierNode) {
	switch n.Value {
	case "$env":
		v.object(n, "$env is not allowed in rules")
	case "uid", "user":
		ast.Patch(node, &ast.CallNode{
			Callee:    &ast.IdentifierNode{Value: knownUser},
			Arguments: []ast.Node{n, &ast.IdentifierNode{Value: "uid_known"}},
		})
	}
}

// call checks a range that is written out now, rather than at every connection.
func (v *reviewer) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || callee.Value != "inCIDR" || len(n.Arguments) != 2 {
		return
	}
	if text, ok := n.Arguments[1].(*ast.StringNode); ok {
		if _, err := ParseCIDR(text.Value); err != nil {
			v.object(text, "%v", err)
		}
	}
}

func (v *reviewer) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		v.literalRange(n)
	case "==", "!=", "in":
		v.compare(n.Left, n.Right)
		v.compare(n.Right, n.Left)
	}
}

func (v *reviewer) literalRange(n *ast.BinaryNode) {
	from, okFrom := n.Left.(*ast.IntegerNode)
	to, okTo := n.Right.(*ast.IntegerNode)
	if !okFrom || !okTo || to.Value-from.Value >= maxWhenRange {
		v.object(n, "a range is written with two numbers and has at most %d elements; use >= and <= for more", maxWhenRange)
	}
}

// compare finds words that field can never hold among the literals that it is compared with.
func (v *reviewer) compare(field, with ast.Node) {
	name := fieldName(field)
	known, closed := v.words[name]
	if !closed {
		return
	}
	literals := []ast.Node{with}
	if array, ok := with.(*ast.ArrayNode); ok {
		literals = array.Nodes
	}
	for _, l := range literals {
		if s, ok := l.(*ast.StringNode); ok && !slices.Contains(known, s.Value) {
			v.object(s, "%s is never %q: expected one of %s", name, s.Value, strings.Join(known, ", "))
		}
	}
}

// fieldName is "a" or "a.b" of such an expression, otherwise empty.
func fieldName(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		of, okOf := n.Node.(*ast.IdentifierNode)
		property, okProperty := n.Property.(*ast.StringNode)
		if okOf && okProperty {
			return of.Value + "." + property.Value
		}
	}
	return ""
}
