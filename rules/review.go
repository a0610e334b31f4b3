package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/lodoor/lodoor/proxy/flow"
)

// reviewer walks a parsed expression. It refuses what could run long, and words that can never be equal to what they
// are compared with; it puts a guard before what may not be known, and keeps what kinds of fields there are. It keeps
// the first objection.
type reviewer struct {
	words  map[string][]string // field to the words that it can hold
	guards map[string]guard
	fields uses
	whole  []ast.Node // uses of process or client that are not yet ones of a field
	err    *file.Error
}

func newReviewer(services []string) *reviewer {
	return &reviewer{words: closedWords(services), guards: guards()}
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

		"client.zone":     zones,
		"forwarder_zone":  append([]string{""}, zones...),
		"attribution":     attributions(),
		"process.runtime": append([]string{""}, runtimes()...),
	}
}

func attributions() []string {
	var words []string
	for a := flow.AttributionNone; a <= flow.AttributionExactConnect; a++ {
		words = append(words, a.String())
	}
	return words
}

// Visit looks at one node; its children were visited before.
func (v *reviewer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		v.object(n, "loops (all, any, filter, map, count and the like) are not allowed in rules")
	case *ast.IdentifierNode:
		v.identifier(node, n)
	case *ast.MemberNode:
		v.member(node, n)
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
	case "process", "client":
		v.whole = append(v.whole, n)
	}
	v.guard(node, n.Value)
}

// member takes a field of process or client; one that is not written out could be any.
func (v *reviewer) member(node *ast.Node, n *ast.MemberNode) {
	name := fieldName(n)
	if name != "" {
		v.whole = slices.DeleteFunc(v.whole, func(w ast.Node) bool { return w == n.Node })
	}
	if strings.HasPrefix(name, "client.") {
		v.fields |= usesClient
	}
	v.guard(node, name)
}

// guard puts a guard before a field that may not be known.
func (v *reviewer) guard(node *ast.Node, name string) {
	g, guarded := v.guards[name]
	if !guarded {
		return
	}
	g.before(node, name)
	switch {
	case strings.HasPrefix(name, "process."):
		v.fields |= usesProcess | usesSearch
	case g.flag != "uid_known":
		v.fields |= usesSearch
	}
}

// finish objects to a use of process or client that is not one of a field: nothing would guard it.
func (v *reviewer) finish() {
	for _, n := range v.whole {
		v.object(n, "expected a field, as in process.program or client.address")
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
	case *ast.CallNode: // a guard, with the field behind it
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && (callee.Value == knownFact || callee.Value == givenFact) {
			return fieldName(n.Arguments[0])
		}
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
