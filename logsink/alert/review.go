package alert

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/lodoor/lodoor/proxy/flow"
)

// reviewer walks a parsed expression. It refuses what could run long, and words that can never be equal to what they
// are compared with; it notes what the fields need. It keeps the first objection.
type reviewer struct {
	words map[string][]string // field to the words that it can hold
	needs needs
	whole []ast.Node // uses of session or client that are not yet ones of a field
	err   *file.Error
}

func newReviewer() *reviewer {
	zones := words(flow.ZoneUnknown, flow.ZonePublic)
	maybe := append([]string{""}, zones...)
	return &reviewer{words: map[string][]string{
		"event":            eventWords(),
		"zone":             maybe,
		"client.zone":      maybe,
		"attribution":      append([]string{""}, words(flow.AttributionNone, flow.AttributionExactConnect)...),
		"rule.action":      {"", "allow", "deny", "would_deny"},
		"rule.cause":       words(flow.CauseNone, flow.CauseTLS),
		"session.end":      append([]string{""}, words(flow.EndUnknown, flow.EndIOError)...),
		"session.ended_by": words(flow.SideNone, flow.SideLodoor),
		"weekday":          {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"},
	}}
}

// eventWords are those of the events that are looked at.
func eventWords() (all []string) {
	for _, e := range flow.Events() {
		if looksAt(e) {
			all = append(all, e.String())
		}
	}
	return all
}

// unseen says why records of an event are not looked at; empty when they are.
func unseen(event string) string {
	switch event {
	case flow.EventAlert.String():
		return "alerts are not looked at, so that none raises another"
	case flow.EventOperation.String():
		return "operations are not looked at, since there can be as many as the clients ask; 'lodoor queries' counts them"
	}
	return ""
}

// words are those of an enumeration.
func words[T interface {
	~uint8
	fmt.Stringer
}](from, to T) []string {
	var all []string
	for w := from; w <= to; w++ {
		all = append(all, w.String())
	}
	return all
}

// Visit looks at one node; its children were visited before.
func (v *reviewer) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		v.object(n, "loops (all, any, filter, map, count and the like) are not allowed here; a window counts")
	case *ast.IdentifierNode:
		if n.Value == "$env" {
			v.object(n, "$env is not allowed here")
		}
		v.needs |= needsOf(n.Value)
		if n.Value == "session" || n.Value == "client" {
			v.whole = append(v.whole, n)
		}
	case *ast.MemberNode:
		v.member(n)
	case *ast.CallNode:
		v.call(n)
	case *ast.BinaryNode:
		v.binary(n)
	}
}

// member notes what a field needs.
func (v *reviewer) member(n *ast.MemberNode) {
	name := fieldName(n)
	if name == "" {
		return
	}
	v.needs |= needsOf(name)
	v.whole = slices.DeleteFunc(v.whole, func(w ast.Node) bool { return w == n.Node })
}

// finish objects to a use of session or client that is not one of a field: what is taken from it could not be told.
func (v *reviewer) finish() {
	for _, n := range v.whole {
		v.object(n, "expected a field of it, as session.end or client.address")
	}
}

func (v *reviewer) object(n ast.Node, format string, args ...any) {
	if v.err == nil {
		v.err = &file.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

// call checks a range that is written out now, rather than at every record.
func (v *reviewer) call(n *ast.CallNode) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok || callee.Value != "inCIDR" || len(n.Arguments) != 2 {
		return
	}
	if text, ok := n.Arguments[1].(*ast.StringNode); ok {
		if _, err := parseCIDR(text.Value); err != nil {
			v.object(text, "%v", err)
		}
	}
}

func (v *reviewer) binary(n *ast.BinaryNode) {
	switch n.Operator {
	case "..":
		from, okFrom := n.Left.(*ast.IntegerNode)
		to, okTo := n.Right.(*ast.IntegerNode)
		if !okFrom || !okTo || to.Value-from.Value >= maxWhenRange {
			v.object(n, "a range is written with two numbers and has at most %d elements; use >= and <= for more", maxWhenRange)
		}
	case "==", "!=", "in":
		v.compare(n.Left, n.Right)
		v.compare(n.Right, n.Left)
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
		s, ok := l.(*ast.StringNode)
		switch {
		case !ok || slices.Contains(known, s.Value):
		case name == "event" && unseen(s.Value) != "":
			v.object(s, "%s", unseen(s.Value))
		default:
			some := slices.DeleteFunc(slices.Clone(known), func(w string) bool { return w == "" })
			v.object(s, "%s is never %q: expected one of %s", name, s.Value, strings.Join(some, ", "))
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

// inCIDR is inCIDR(address, range): false for an empty address, which a Unix-socket peer has.
func inCIDR(args ...any) (any, error) {
	address, _ := args[0].(string)
	text, _ := args[1].(string)
	prefix, err := parseCIDR(text)
	if err != nil || address == "" {
		return false, err
	}
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false, fmt.Errorf("inCIDR: %q is not an address", address)
	}
	return prefix.Contains(addr.Unmap().WithZone("")), nil
}

func parseCIDR(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no range of addresses: expected one as 10.0.0.0/8 or 192.0.2.7", text)
	}
	return p, nil
}
