package probe

import (
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Passage is a service behind a door, tried directly and through the door.
type Passage struct {
	Instance string `json:"instance"`
	Service  string `json:"service"`
	// Front are the facts of the door, Backend those of what is behind it.
	Front   *Facts `json:"front"`
	Backend *Facts `json:"backend"`
	// Journaled says that the door keeps a journal. Told is what that says of the attempts; nil when it says nothing.
	Journaled bool  `json:"journaled"`
	Told      *Told `json:"told,omitempty"`
}

// Told is what a door's journal says of an attempt.
type Told struct {
	// Refused is the verdict of the rule or the gate that refused it; nil when none did.
	Refused *flow.Verdict `json:"refused,omitempty"`
	// End and Detail are how the session ended; EndUnknown when it was not told.
	End    flow.End `json:"end"`
	Detail string   `json:"detail,omitempty"`
}

// JudgeDoor says what stops a client first on its way through a door: the way to it, its rules, its backend, itself.
func JudgeDoor(p *Passage) Verdict {
	front, back := Judge(p.Front), Judge(p.Backend)
	came := len(p.Front.Attempts) > 0 && p.Front.Attempts[0].Outcome == Connected
	switch {
	case !came:
		return front
	case front.Class == Door: // it does not accept
		return front
	case p.Told != nil && p.Told.Refused != nil:
		return judgeRefusal(p)
	case back.Class != OK:
		back.Cause = "behind door " + p.Instance + ", service " + p.Service + ": " + back.Cause
		return back
	case p.Told != nil && p.Told.End.DialFailed():
		return because(Door, "door %s does not reach %s, which answers directly: %s",
			p.Instance, p.Backend.At, p.Told.Detail).
			mendedBy("the door runs as another user, in another network namespace or under a firewall's rule of its own: " +
				"try as its user")
	case front.Class != OK && !p.Journaled:
		return because(Rule, "door %s ended the connection at once, and %s answers directly: most likely a rule refuses; "+
			"it keeps no journal that would tell", p.Instance, p.Backend.At).
			mendedBy("run the door with a journal, or look at what it prints")
	case front.Class != OK:
		return because(Door, "through door %s it does not work (%s), and its journal does not say why; %s answers directly",
			p.Instance, front.Cause, p.Backend.At).
			mendedBy("look at what the door prints, and at 'lodoor logs --instance %s'", p.Instance)
	default:
		return because(OK, "%s, directly and through door %s at %s", back.Cause, p.Instance, p.Front.Attempts[0].To)
	}
}

// judgeRefusal says which rule refused, and what to do about it.
func judgeRefusal(p *Passage) Verdict {
	r := p.Told.Refused
	rule := because(Rule, "door %s refuses this client: %s", p.Instance, r.Reason)
	if !strings.Contains(r.Reason, r.Rule) {
		rule.Cause += " (rule " + r.Rule + ")"
	}
	switch r.Cause {
	case flow.CauseLimit:
		return because(Door, "door %s has reached a limit: %s", p.Instance, r.Reason).
			mendedBy("wait, end sessions ('lodoor who', 'lodoor kill'), or raise the limit")
	case flow.CauseJournal:
		return because(Door, "door %s cannot write its journal, and lets nobody in: %s", p.Instance, r.Reason).
			mendedBy("look at the disk that the journal is on")
	case flow.CauseDraining:
		return because(Door, "door %s is being stopped", p.Instance).mendedBy("start it again")
	case flow.CauseInternal:
		return because(Door, "door %s could not examine the connection: %s", p.Instance, r.Reason).
			mendedBy("look at what the door prints")
	case flow.CauseHeader:
		return rule.mendedBy("connect by way of the proxy that sends the header, or change the service's proxy_protocol")
	case flow.CauseProtocol, flow.CauseHost:
		return rule.mendedBy("use a client of the service's own protocol, or change the service's gate")
	case flow.CauseTLS:
		return rule.mendedBy("let the client do without TLS, or set tls: pass for the service")
	case flow.CauseTripwire:
		return rule.mendedBy("connect to the door's own address: this one is only watched")
	default:
		return rule.mendedBy("when this client is to come in, change that rule of service %s; "+
			"'lodoor rules explain' shows which others apply", p.Service)
	}
}
