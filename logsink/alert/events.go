package alert

import (
	"github.com/expr-lang/expr/ast"

	"github.com/lodoor/lodoor/proxy/flow"
)

// events are a set of them.
type events uint64

const everyEvent = ^events(0)

func (s events) has(e flow.Event) bool { return s&(1<<e) != 0 }

// eventsOf are those of which an expression can hold, as far as that is plain: it says event == "…" or event in […],
// alone or among others that it joins with and. It is not asked of other records, which most of them are.
func eventsOf(node ast.Node) events {
	n, ok := node.(*ast.BinaryNode)
	if !ok {
		return everyEvent
	}
	switch n.Operator {
	case "and", "&&":
		return eventsOf(n.Left) & eventsOf(n.Right)
	case "==":
		if word, ok := n.Right.(*ast.StringNode); ok && fieldName(n.Left) == "event" {
			return eventNamed(word.Value)
		}
		if word, ok := n.Left.(*ast.StringNode); ok && fieldName(n.Right) == "event" {
			return eventNamed(word.Value)
		}
	case "in":
		if list, ok := n.Right.(*ast.ConstantNode); ok && fieldName(n.Left) == "event" {
			return eventsIn(list.Value)
		}
	}
	return everyEvent
}

// eventsIn are those of a list, which expr makes a set of.
func eventsIn(list any) events {
	names, ok := list.(map[string]struct{})
	if !ok {
		return everyEvent
	}
	var all events
	for name := range names {
		all |= eventNamed(name)
	}
	return all
}

func eventNamed(name string) events {
	var e flow.Event
	if err := e.UnmarshalText([]byte(name)); err != nil {
		return 0 // never of that name
	}
	return 1 << e
}
