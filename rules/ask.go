package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ask asks every condition of r, one after the other. why is the first that does not hold or, when all hold or may
// hold, the first that is not known; one that waits for the process before the others.
func (q *query) ask(r *rule) (a answer, why string) {
	switch {
	case !r.inZone(q.facts):
		return no, fmt.Sprintf("zones: %s is in %s", address(q.facts), zoneText(q.facts.Peer.Zone))
	case !r.inRange(q.facts):
		return no, fmt.Sprintf("cidrs: %s is in none of them", address(q.facts))
	}
	a = yes
	for _, condition := range []func(*rule) (answer, string){
		q.askInterface, q.askUser, q.askClient, q.askForwarder, q.askProcess, q.askWhen,
	} {
		switch b, reason := condition(r); {
		case b == no:
			return no, reason
		case b == pending && a == unknown && !r.matches(unknown, q.facts): // it cannot match any more
		case b < a:
			a, why = b, reason
		}
	}
	return a, why
}

func (q *query) askInterface(r *rule) (answer, string) {
	a := r.onInterface(q.facts)
	switch {
	case a == unknown:
		return a, "interfaces: the ingress interface is not known"
	case a == no && q.facts.Peer.Interface == "":
		return a, "interfaces: a Unix socket has none"
	case a == no:
		return a, "interfaces: it came in through " + q.facts.Peer.Interface
	}
	return yes, ""
}

func (q *query) askUser(r *rule) (answer, string) {
	a := r.byUser(q.facts)
	switch a {
	case unknown:
		return a, "users: the peer's user is not known"
	case no:
		return a, "users: it is " + account(&q.facts.Origin)
	}
	return yes, ""
}

func (q *query) askClient(r *rule) (answer, string) {
	peer := &q.facts.Peer
	switch {
	case !r.namesClient():
		return yes, ""
	case !r.inClientZone(q.facts):
		return no, fmt.Sprintf("client_zones: %s is in %s", clientAddress(q.facts), zoneText(clientZone(peer)))
	case !r.inClientRange(q.facts):
		return no, fmt.Sprintf("client_cidrs: %s is in none of them", clientAddress(q.facts))
	}
	return yes, ""
}

func (q *query) askForwarder(r *rule) (answer, string) {
	a := r.byForwarder(q.facts)
	forwarder := q.facts.Origin.Forwarder
	switch {
	case a == yes:
		return yes, ""
	case a != no:
		return a, "forwarder: " + processUnknown(a)
	case forwarder == nil:
		return no, "forwarder: no forwarder carries the connection"
	}
	return no, "forwarder: it is " + printable(forwarder.Name)
}

func (q *query) askProcess(r *rule) (answer, string) {
	o := &q.facts.Origin
	a := r.byProcess(q.facts)
	switch {
	case a == yes:
		return yes, ""
	case !processKnown(o):
		return a, r.processKeys() + ": " + processUnknown(a)
	}
	if a == unknown && len(o.Processes()) > 1 {
		return a, r.processKeys() + ": not all of the processes that may speak on the connection are known to match"
	}
	return a, r.askOne(o.Processes()[0])
}

// processUnknown says that a process is not known, and whether it can still be found.
func processUnknown(a answer) string {
	if a == pending {
		return "the peer's process has to be looked for first"
	}
	return "the peer's process is not known"
}

// asking is one condition on a process, and what the process is.
type asking struct {
	key, what, is string
	answer        answer
}

// processKeys are the rule's conditions on the process: "programs, units".
func (r *rule) processKeys() string {
	keys := make([]string, 0, 4)
	for _, c := range []struct {
		key   string
		given int
	}{
		{"executables", len(r.executables)}, {"programs", len(r.programs)}, {"containers", len(r.Containers)}, {"units", len(r.units)},
	} {
		if c.given > 0 {
			keys = append(keys, c.key)
		}
	}
	return strings.Join(keys, ", ")
}

// askOne says which condition p does not meet, the surest first.
func (r *rule) askOne(p *flow.Process) string {
	asked := []asking{
		{"executables", "file", p.Executable.Path, r.byExecutable(p)},
		{"programs", "name", p.Program, r.byProgram(p)},
		{"containers", "container", containerText(p.Container), r.byContainer(p)},
		{"units", "unit", cmp.Or(p.Unit, "in no unit"), r.byUnit(p)},
	}
	worst := slices.MinFunc(asked, func(a, b asking) int { return cmp.Compare(a.answer, b.answer) })
	if worst.answer == unknown {
		return fmt.Sprintf("%s: the process's %s is not known", worst.key, worst.what)
	}
	return fmt.Sprintf("%s: it is %s", worst.key, printable(worst.is))
}

func (q *query) askWhen(r *rule) (answer, string) {
	a, err := q.when(r.when)
	switch {
	case a == pending:
		return a, "when: " + processUnknown(a)
	case err != nil:
		return a, "when: " + err.Error()
	case a == no:
		return a, "when: the expression is false"
	}
	return yes, ""
}
