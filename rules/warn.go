package rules

import (
	"fmt"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// manyWhen is how many expressions a set may have without a word: asking one costs about 0.3 µs of a connection.
	manyWhen = 500
	// mostShadowed is how many rules that never match are named one by one.
	mostShadowed = 10
)

// warnings looks at a set for what is allowed and perhaps not meant.
func warnings(s *Set, global []*rule) []string {
	w := warner{set: s}
	for _, r := range global {
		w.rule(r)
	}
	for _, name := range s.order {
		for _, r := range s.services[name].rules {
			if r.service != "" {
				w.rule(r)
			}
		}
	}
	w.shadows()
	if w.when > manyWhen {
		w.say("%d rules have a when expression; each is asked for every connection that its other conditions match", w.when)
	}
	return w.said
}

type warner struct {
	set  *Set
	said []string
	when int
}

func (w *warner) say(format string, args ...any) {
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

// rule warns of one rule.
func (w *warner) rule(r *rule) {
	if r.when != nil {
		w.when++
	}
	w.opens(r)
	if why := w.set.config.NoProcesses; why != "" && r.asksProcess() {
		w.say("%s asks for the peer's process, and %s: what is not known counts %s the peer", title(r), why, r.counts())
	}
	for _, name := range w.set.order {
		if d := w.set.services[name]; r.appliesTo(name) && d.needsOwnUser(r) {
			w.say("%s names no users: at service %q, whose backend is a Unix socket, it lets in only lodoor's own user", title(r), name)
			break
		}
	}
}

// title names a rule in a sentence.
func title(r *rule) string {
	if r.service == "" {
		return fmt.Sprintf("rule %q", r.Name)
	}
	return fmt.Sprintf("rule %q of service %q", r.Name, r.service)
}

// counts says for whom the unknown does.
func (r *rule) counts() string {
	if r.lenient {
		return "for"
	}
	return "against"
}

// opens warns of a rule that matches everybody, or that lets in peers from elsewhere.
func (w *warner) opens(r *rule) {
	name := title(r)
	far := r.elsewhere()
	switch {
	case r.bare() && !r.deny:
		w.say("%s has no condition: it lets in everybody who reaches the door, and the backend takes them for local", name)
	case r.bare() && r.observe:
		w.say("%s has no condition: it records everybody as would_deny, local peers too", name)
	case r.bare():
		w.say("%s has no condition: it denies everybody, local peers too", name)
	case far != "" && !r.deny:
		w.say("%s lets in %s: the backend takes them for local", name, far)
	case far != "" && r.Enforce == EnforceObserve && (r.namesPlace() || r.namesClient()):
		w.say("%s only observes: %s are let in and recorded, and the backend takes them for local", name, far)
	}
}

// elsewhere says whom beyond this host the rule can mean: "peers from zone lan"; empty when nobody. A peer that speaks
// for no client is its own.
func (r *rule) elsewhere() string {
	peers, clients := farPlace(r.Zones, r.CIDRs), farPlace(r.ClientZones, r.ClientCIDRs)
	local := peers == "" || !r.deny && r.asksKnown()
	switch {
	case clients == "", local && !r.namesClient() && !r.when.uses(usesClient):
		return ""
	case local:
		return "clients from " + clients + " that a proxy speaks for"
	case peers == anywhere:
		return "peers from " + clients
	}
	return "peers from " + peers
}

// asksKnown says whether the rule has a condition on what is known of local peers only.
func (r *rule) asksKnown() bool { return len(r.Users) > 0 || r.namesProcess() || r.carriage.given }

const anywhere = "anywhere"

// farPlace is what of a place is beyond this host; empty when nothing is.
func farPlace(zones []flow.Zone, ranges []CIDR) string {
	far := slices.DeleteFunc(slices.Clone(zones), func(z flow.Zone) bool { return z.Local() })
	switch {
	case len(zones) > 0 && len(far) == 0:
		return ""
	case len(ranges) > 0 && !slices.ContainsFunc(ranges, func(c CIDR) bool { return !loopback(c) }):
		return ""
	case len(far) > 0:
		return enumerate("zone", texts(far))
	case len(ranges) > 0:
		return enumerate("address", texts(ranges))
	}
	return anywhere
}

// loopback says whether all of c is loopback.
func loopback(c CIDR) bool { return c.Addr().IsLoopback() && (c.Addr().Is6() || c.Bits() >= 8) }

// shadows warns of rules that never match at any of the services that they apply to.
func (w *warner) shadows() {
	var said []string
	seen := make(map[*rule]bool)
	for _, name := range w.set.order {
		for _, r := range w.set.services[name].rules {
			if by := w.shadowed(r); by != nil && !seen[r] {
				seen[r] = true
				said = append(said, fmt.Sprintf("%s can never match: rules before it, such as %q, decide on all of its peers", title(r), by.Name))
			}
		}
	}
	if more := len(said) - mostShadowed; more > 0 {
		said = append(said[:mostShadowed], fmt.Sprintf("%d more rules can never match", more))
	}
	w.said = append(w.said, said...)
}

// shadowed is a rule before r that decides instead of it, when r never matches at any service.
func (w *warner) shadowed(r *rule) (by *rule) {
	for _, name := range w.set.order {
		if !r.appliesTo(name) {
			continue
		}
		if by = w.set.services[name].shadows[r]; by == nil {
			return nil
		}
	}
	return by
}
