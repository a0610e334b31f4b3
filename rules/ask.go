package rules

import "fmt"

// ask asks every condition of r, one after the other. why is the first that does not hold or, when all hold or may
// hold, the first that is not known.
func (q *query) ask(r *rule) (a answer, why string) {
	switch {
	case !r.inZone(q.facts):
		return no, fmt.Sprintf("zones: %s is in %s", address(q.facts), zoneText(q.facts.Peer.Zone))
	case !r.inRange(q.facts):
		return no, fmt.Sprintf("cidrs: %s is in none of them", address(q.facts))
	}
	a = yes
	for _, condition := range []func(*rule) (answer, string){q.askInterface, q.askUser, q.askWhen} {
		switch b, reason := condition(r); {
		case b == no:
			return no, reason
		case b == unknown && a == yes:
			a, why = unknown, reason
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

func (q *query) askWhen(r *rule) (answer, string) {
	a, err := q.when(r)
	switch {
	case err != nil:
		return a, "when: " + err.Error()
	case a == no:
		return a, "when: the expression is false"
	}
	return yes, ""
}
