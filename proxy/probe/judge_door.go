package probe

import (
	"fmt"

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
	door := fmt.Sprintf("door %s", p.Instance)
	came := len(p.Front.Attempts) > 0 && p.Front.Attempts[0].Outcome == Connected
	switch {
	case !came:
		return front
	case p.Told != nil && p.Told.Refused != nil:
		return judgeRefusal(door, p)
	case back.Class != OK:
		back.Cause = fmt.Sprintf("behind %s, service %s: %s", door, p.Service, back.Cause)
		return back
	case p.Told != nil && p.Told.End.DialFailed():
		return Verdict{Door, fmt.Sprintf("%s does not reach %s, which answers directly: %s", door, p.Backend.At, p.Told.Detail),
			"the door runs as another user, in another network namespace or under a firewall's rule of its own: try as its user"}
	case front.Class != OK && !p.Journaled:
		return Verdict{Rule, fmt.Sprintf("%s ended the connection at once, and %s answers directly: most likely a rule refuses; it keeps no journal that would tell", door, p.Backend.At),
			"run the door with a journal, or look at what it prints"}
	case front.Class != OK:
		return Verdict{Door, fmt.Sprintf("through %s it does not work (%s), while %s answers directly, and its journal does not say why", door, front.Cause, p.Backend.At),
			"look at what the door prints, and at 'lodoor logs --instance " + p.Instance + "'"}
	default:
		return Verdict{OK, fmt.Sprintf("%s, directly and through %s at %s", back.Cause, door, p.Front.Attempts[0].To), ""}
	}
}

// judgeRefusal says which rule refused, and what to do about it.
func judgeRefusal(door string, p *Passage) Verdict {
	r := p.Told.Refused
	v := Verdict{Rule, fmt.Sprintf("rule %s of %s refuses this client: %s", r.Rule, door, r.Reason), ""}
	switch r.Cause {
	case flow.CauseLimit:
		v = Verdict{Door, fmt.Sprintf("%s has reached a limit: %s", door, r.Reason), "wait, end sessions ('lodoor who', 'lodoor kill'), or raise the limit"}
	case flow.CauseJournal:
		v = Verdict{Door, fmt.Sprintf("%s cannot write its journal, and lets nobody in: %s", door, r.Reason), "look at the disk that the journal is on"}
	case flow.CauseDraining:
		v = Verdict{Door, fmt.Sprintf("%s is being stopped", door), "start it again"}
	case flow.CauseInternal:
		v = Verdict{Door, fmt.Sprintf("%s could not examine the connection: %s", door, r.Reason), "look at what the door prints"}
	case flow.CauseHeader:
		v.Mend = "connect by way of the proxy that sends the header, or change the service's proxy_protocol"
	case flow.CauseProtocol, flow.CauseHost:
		v.Mend = "use a client of the service's own protocol, or change the service's gate"
	case flow.CauseTripwire:
		v.Mend = "connect to the door's own address: this one is only watched"
	default:
		v.Mend = fmt.Sprintf("when this client is to come in, change that rule of service %s; 'lodoor rules explain' shows which others apply", p.Service)
	}
	return v
}
