package rules

import "github.com/lodoor/lodoor/proxy/flow"

// The rules that are always there. docs/rules.md tells them.
const (
	ruleDisguised   = "builtin.disguised"
	ruleLocal       = "builtin.local"
	ruleDefault     = "builtin.default"
	ruleUnixBackend = "builtin.unix_backend"
	ruleNoService   = "builtin.no_service"
)

// conclude makes a verdict of what the rules said.
//
// A denial that is only told takes part in nothing but the telling: the rules after it are asked as if it were not
// there. When they let the peer in, it would have been denied. When no rule decides and the default denies, such a rule
// still lets in peers of the places that it names, since that is what it was written for; but not to a Unix-socket
// backend, which would take them for lodoor's own user.
func (d *door) conclude(q *query, x *finding) flow.Verdict {
	if r := x.decides.rule; r != nil {
		switch {
		case x.asks:
			return flow.Verdict{Action: flow.Need, Rule: r.Name, Reason: "the peer's process has to be looked for first"}
		case r.deny:
			return flow.Verdict{Rule: r.Name, Cause: flow.CauseRule, Reason: q.denial(r)}
		case x.noted.before(x.decides.at):
			return q.told(x.noted.rule)
		}
		return flow.Verdict{Action: flow.Allow, Rule: r.Name, Reason: q.allowance(r)}
	}
	v := d.builtin(q, x)
	switch {
	case v.Action != flow.Deny && x.noted.rule != nil:
		return q.told(x.noted.rule)
	case v.Action == flow.Deny && v.Cause == flow.CauseNonLocal && x.passes.rule != nil && !d.unix:
		return q.told(x.passes.rule)
	}
	return v
}

// told is the verdict of a denial that is not carried out.
func (q *query) told(r *rule) flow.Verdict {
	return flow.Verdict{Action: flow.WouldDeny, Rule: r.Name, Cause: flow.CauseRule, Reason: q.denial(r)}
}

// builtin decides when no rule does: local peers are let in, unless they speak for a client elsewhere; before a
// Unix-socket backend only lodoor's own user.
func (d *door) builtin(q *query, x *finding) flow.Verdict {
	local := q.facts.Peer.Zone.Local() && q.facts.Peer.Local() && !speaksForAnother(&q.facts.Peer)
	denied := flow.Deny
	if q.set.observe {
		denied = flow.WouldDeny
	}
	switch {
	case d.unix && (local || x.held) && !q.ownUser():
		return flow.Verdict{Action: denied, Rule: ruleUnixBackend, Cause: flow.CauseIdentity, Reason: q.wrongUser()}
	case local && d.unix:
		return flow.Verdict{Action: flow.Allow, Rule: ruleLocal, Reason: "lodoor's own user is let in"}
	case local:
		return flow.Verdict{Action: flow.Allow, Rule: ruleLocal, Reason: "local peers are let in"}
	}
	return flow.Verdict{Action: denied, Rule: ruleDefault, Cause: flow.CauseNonLocal, Reason: notLocal(q.facts)}
}
