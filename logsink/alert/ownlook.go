package alert

import (
	"fmt"
	"strconv"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/lodoor/lodoor/proxy/flow"
)

// look says whether a record is an event of the condition.
func (o *own) look(machine *vm.VM, e *environment, r *flow.Record, at time.Duration) (event, bool, error) {
	if !o.when.events.has(r.Event) || o.needs&needsMeasured != 0 && !measured(r) {
		return event{}, false, nil
	}
	if holds, err := o.when.ask(machine, e); err != nil || !holds {
		return event{}, false, err
	}
	weight := uint64(1)
	if r.Refusal != nil {
		weight = max(1, r.Refusal.Count)
	}
	ev := event{severity: o.severity, time: r.Time, count: weight, resolveAfter: o.ResolveAfter}
	ev.condition, ev.reason = o.Name, o.Message
	if r.Peer != nil {
		ev.from = append(ev.from, r.Peer.Addr)
	}
	if o.window == nil {
		ev.service = r.Service
		return ev, true, nil
	}
	value, others := o.measure(e, weight, at)
	if !o.window.holds(value) {
		return event{}, false, nil
	}
	o.label(&ev, e, others)
	w := o.window
	ev.measured = fmt.Sprintf("%s(%s) is %s in %v", w.measure, w.field, w.number(value), w.span)
	return ev, true, nil
}

// unasked is the event of a condition whose expression failed.
func unasked(name string, err error, when time.Time) event {
	return event{
		key: key{condition: Other, labels: name}, severity: flow.SeverityWarning, time: when, count: 1,
		by:     []flow.Label{{Name: "condition", Value: name}},
		reason: fmt.Sprintf("condition %s cannot be asked: %v", name, err),
	}
}

// measure adds what the environment shows to the window.
func (o *own) measure(e *environment, weight uint64, at time.Duration) (value float64, others bool) {
	o.key, o.value = o.key[:0], o.value[:0]
	for _, f := range o.by {
		start := len(o.key)
		o.key = f.text(o.key, e)
		o.key = strconv.AppendInt(append(o.key, 0), int64(len(o.key)-start), 10) // so that a, bc is not ab, c
	}
	amount := float64(weight)
	switch o.window.measure {
	case measureDistinct:
		o.value = o.measured.text(o.value, e)
	case measureSum, measureMax:
		amount = o.measured.number(e)
	}
	return o.tally.add(o.key, at, amount, o.value)
}

// label says whom the event is about. Those of keys that found no room are about nobody in particular.
func (o *own) label(ev *event, e *environment, others bool) {
	if others {
		ev.labels = overflow
		for _, f := range o.by {
			ev.by = append(ev.by, flow.Label{Name: f.name, Value: "(others)"})
		}
		return
	}
	ev.labels = string(o.key)
	for _, f := range o.by {
		value := string(f.text(nil, e))
		switch f.name {
		case "service":
			ev.service = value
		case "program":
			ev.program = value
		case "forwarder":
			ev.forwarder = value
		}
		ev.by = append(ev.by, flow.Label{Name: f.name, Value: value})
	}
}
