package rules

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Explanation says which rule decides on a peer, and why the ones before it did not.
type Explanation struct {
	Service string      `json:"service"`
	Peer    string      `json:"peer"` // in words
	Rules   []RuleTrace `json:"rules"`
	Decides string      `json:"decides"` // the name of the rule
	Action  flow.Action `json:"action"`
	Cause   flow.Cause  `json:"cause,omitempty"`
	Reason  string      `json:"reason"`
}

// RuleTrace is what became of one rule.
type RuleTrace struct {
	Name    string  `json:"name"`
	Action  string  `json:"action"`
	Enforce string  `json:"enforce,omitempty"` // observe, for a denial that is only told
	Outcome Outcome `json:"outcome"`
	Why     string  `json:"why,omitempty"`
}

// Outcome is what became of a rule.
type Outcome string

// The outcomes.
const (
	OutcomeNoMatch    Outcome = "no match"    // a condition does not hold
	OutcomeObserved   Outcome = "observed"    // matched, is only told, and the rules after it were asked
	OutcomeMatched    Outcome = "matched"     // matched, and an observed rule before it gives the verdict its name
	OutcomeDecides    Outcome = "decides"     // gives the verdict, or has to know the process first
	OutcomeNotReached Outcome = "not reached" // an earlier rule matched
)

// Verdict is what Decide answers for the same facts.
func (e *Explanation) Verdict() flow.Verdict {
	return flow.Verdict{Action: e.Action, Rule: e.Decides, Cause: e.Cause, Reason: e.Reason}
}

// String is the explanation as a table for people.
func (e *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to service %s: %s\n", e.Peer, e.Service, strings.ReplaceAll(e.Action.String(), "_", " "))
	fmt.Fprintf(&b, "%s: %s\n", e.Decides, e.Reason)
	if len(e.Rules) > 0 {
		b.WriteByte('\n')
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i, r := range e.Rules {
		line := fmt.Sprintf("%d\t%s\t%s\t%s", i+1, r.Name, strings.TrimSpace(r.Action+" "+r.Enforce), r.Outcome)
		if r.Why != "" {
			line += "\t" + r.Why
		}
		fmt.Fprintln(w, line)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// Explain asks every rule in order, without the index that Decide uses, and tells what each said.
func (s *Set) Explain(f *flow.Facts) Explanation {
	t := tracer{Explanation: Explanation{Service: f.Service, Peer: who(f)}}
	d := s.services[f.Service]
	if d == nil {
		t.settle(noService(f.Service))
		return t.Explanation
	}
	q := query{set: s, door: d, facts: f}
	defer q.end()
	t.step(ruleDisguised, "deny", f.Peer.Disguised(), "the peer does not claim to be what it is not")
	found := t.rules(&q)
	builtin := d.builtin(&q, &found).Rule
	if d.unix {
		why := "the peer is not local"
		if q.ownUser() {
			why = "the peer is lodoor's own user"
		}
		t.step(ruleUnixBackend, "deny", builtin == ruleUnixBackend, why)
	}
	why := "the peer is not local"
	if speaksForAnother(&f.Peer) {
		why = "the client that the peer speaks for is not local"
	}
	t.step(ruleLocal, "allow", builtin == ruleLocal, why)
	t.step(ruleDefault, "deny", true, "")
	if f.Peer.Disguised() {
		t.settle(disguised(f))
	} else {
		t.settle(d.conclude(&q, &found))
	}
	return t.Explanation
}

// tracer writes an explanation.
type tracer struct {
	Explanation
	over bool // a rule matched that ends the search
}

// step enters a built-in rule.
func (t *tracer) step(name, action string, matches bool, why string) {
	trace := RuleTrace{Name: name, Action: action, Outcome: OutcomeNoMatch, Why: why}
	switch {
	case t.over:
		trace.Outcome, trace.Why = OutcomeNotReached, ""
	case matches:
		trace.Outcome, trace.Why = OutcomeMatched, ""
		t.over = true
	}
	t.Rules = append(t.Rules, trace)
}

// rules enters the rules of the configuration; what they say is what the index finds.
func (t *tracer) rules(q *query) finding {
	var x finding
	for i, r := range q.door.rules {
		trace := RuleTrace{Name: r.Name, Action: r.Action.String(), Outcome: OutcomeNotReached}
		if r.observe {
			trace.Enforce = EnforceObserve.String()
		}
		if !t.over {
			trace.Outcome, trace.Why = x.trace(q, i)
			t.over = trace.Outcome == OutcomeMatched
		}
		t.Rules = append(t.Rules, trace)
	}
	return x
}

// trace is take, with what became of the rule and why.
func (x *finding) trace(q *query, i int) (Outcome, string) {
	r := q.door.rules[i]
	if speaksForAnother(&q.facts.Peer) && !r.forClients() {
		return OutcomeNoMatch, "client_zones: it names no clients, and the peer speaks for one elsewhere"
	}
	a, why := q.ask(r)
	decides := x.take(q, i, a)
	switch {
	case a == pending && decides:
		return OutcomeMatched, why
	case a != pending && !r.matches(a, q.facts):
		return OutcomeNoMatch, why
	case decides:
		return OutcomeMatched, matched(why, r)
	case r.observe:
		return OutcomeObserved, matched(why, r)
	case q.door.needsOwnUser(r):
		return OutcomeNoMatch, "users: it names none, which before a Unix socket means lodoor's own user alone"
	}
	return OutcomeNoMatch, "users: the peer's user is not known, which before a Unix socket never counts for it"
}

// matched says why r matched; unknown is what was not known and counted as a match.
func matched(unknown string, r *rule) string {
	switch {
	case unknown != "" && r.deny:
		return unknown + "; that counts as a match for a deny rule"
	case unknown != "":
		return unknown + "; that counts as a match: on_unknown is allow"
	case r.bare():
		return "it has no condition"
	}
	return "every condition holds"
}

// settle enters the verdict.
func (t *tracer) settle(v flow.Verdict) {
	t.Decides, t.Action, t.Cause, t.Reason = v.Rule, v.Action, v.Cause, v.Reason
	for i := range t.Rules {
		if t.Rules[i].Name == v.Rule {
			t.Rules[i].Outcome = OutcomeDecides
			if t.Rules[i].Why == "" {
				t.Rules[i].Why = v.Reason
			}
		}
	}
}
