package rules

import (
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// describe says what a rule does, as a clause after its name: "allows zone lan to users alice, 1001".
func describe(r *rule) string {
	says := "allows"
	if r.deny {
		says = "denies"
	}
	parts := []string{
		enumerate("zone", texts(r.Zones)), enumerate("address", texts(r.CIDRs)), enumerate("interface", r.Interfaces),
		enumerate("client zone", texts(r.ClientZones)), enumerate("client", texts(r.ClientCIDRs)),
		enumerate("user", r.Users), enumerate("executable", r.Executables), enumerate("program", r.Programs),
		enumerate("container", r.Containers), enumerate("unit", r.Units), carried(r),
	}
	if r.When != "" {
		parts = append(parts, "when "+strings.Join(strings.Fields(r.When), " "))
	}
	kept := parts[:0]
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return fmt.Sprintf("rule %s %s everybody", r.Name, says)
	}
	return fmt.Sprintf("rule %s %s %s", r.Name, says, strings.Join(kept, ", "))
}

// carried is the condition on forwarders.
func carried(r *rule) string {
	switch {
	case r.carriage.any:
		return "any forwarder"
	case r.carriage.none:
		return "no forwarder"
	}
	return enumerate("forwarder", r.carriage.names)
}

func texts[T fmt.Stringer](list []T) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}

// enumerate names at most three of a list: "zone lan", "user alice or bob", "address a, b, c or 7 more".
func enumerate(what string, list []string) string {
	const most = 3
	if len(list) > most {
		return fmt.Sprintf("%s %s or %d more", what, strings.Join(list[:most], ", "), len(list)-most)
	}
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return what + " " + list[0]
	default:
		return what + " " + strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
}

// denial is why r denies the peer.
func (q *query) denial(r *rule) string {
	reason := r.says + "; the peer is " + who(q.facts)
	if _, why := q.ask(r); why != "" {
		reason += " (" + why + ", which counts as a match for a deny rule)"
	}
	return reason
}

// allowance is why r lets the peer in.
func (q *query) allowance(r *rule) string {
	if r.lenient {
		if _, why := q.ask(r); why != "" {
			return r.says + " (" + why + ", which counts as a match: on_unknown is allow)"
		}
	}
	return r.says
}

func notLocal(f *flow.Facts) string {
	if speaksForAnother(&f.Peer) {
		zone := clientZone(&f.Peer)
		return fmt.Sprintf("%s speaks for %s in %s; only an allow rule with client_zones: [%s], or with client_cidrs, lets such clients in",
			address(f), clientAddress(f), zoneText(zone), zone)
	}
	return fmt.Sprintf("%s is in %s; only local peers are let in", address(f), zoneText(f.Peer.Zone))
}

// disguised is the verdict on a peer that claims to be local and is not.
func disguised(f *flow.Facts) flow.Verdict {
	reason := fmt.Sprintf("%s claims to be on this host (zone %s) and is not: no socket here is behind it", address(f), f.Peer.Zone)
	if f.Peer.Interface != "" {
		reason += ", and it came in through " + f.Peer.Interface
	}
	return flow.Verdict{Rule: ruleDisguised, Cause: flow.CauseDisguised, Reason: reason}
}

// wrongUser is why a Unix-socket backend is closed to the peer's user, and how to open it.
func (q *query) wrongUser() string {
	o, own := &q.facts.Origin, q.set.config.UID
	if !known(o) {
		return fmt.Sprintf("the user at %s is not known, and the backend's Unix socket would take it for lodoor's own, uid %d; "+
			"only an allow rule with users lets others in, by name or number", address(q.facts), own)
	}
	return fmt.Sprintf("%s is not lodoor's own user (uid %d), for whom the backend's Unix socket would take it; "+
		"an allow rule with users: [%d] lets it in", account(o), own, o.UID)
}

func noService(name string) flow.Verdict {
	return flow.Verdict{Rule: ruleNoService, Cause: flow.CauseInternal, Reason: fmt.Sprintf("there are no rules for service %q", name)}
}
