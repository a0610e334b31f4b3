package lane

import (
	"bytes"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// gating is a session's gate, and what it has not let pass yet. It belongs to whoever reads the client.
type gating struct {
	gate    flow.Gate     // nil when it has no more say
	held    []byte        // none of the lane's buffers: nearly always it is little, and may be for long
	refused *flow.Verdict // set when the session is refused
	floor   floor         // of the copy lane
}

// A buffer takes all that may be held.
const _ = uint(bufferSize - flow.GateMax)

func newGating(g flow.Gate) *gating {
	if g == nil {
		return nil
	}
	return &gating{gate: g}
}

// room is how many bytes may be read, so that no more than [flow.GateMax] are ever held.
func (g *gating) room() int { return flow.GateMax - len(g.held) }

// sifted is what a gate has made of what it was shown.
type sifted struct {
	taken int    // bytes that go no further, the oldest ones
	reply []byte // which goes to the client before anything else is written
	pass  []byte // which is to be written now
}

// speaks says whether lodoor itself has something to say, or to keep to itself.
func (x *sifted) speaks() bool { return x.taken > 0 || len(x.reply) > 0 }

// sift asks the gate about what is held and the first n bytes of buf, which were read behind it; eof says that no more
// come. What passes is in buf. There is nothing to do when that made it refuse the session.
func (g *gating) sift(buf []byte, n int, eof bool) sifted {
	all := buf[:n]
	if len(g.held) > 0 {
		g.held = append(g.held, all...)
		all = g.held
	}
	answer := g.gate.Inspect(all, eof)
	if answer.Done {
		answer.Pass = len(all) - answer.Take
	}
	if g.refused = refusalOf(answer, len(all), eof); g.refused != nil {
		return sifted{}
	}
	if answer.Done || eof {
		g.gate = nil
	}
	return sifted{taken: answer.Take, reply: answer.Reply, pass: g.let(buf, all, answer.Take, answer.Pass)}
}

// let has so many of all bytes pass, behind those that are taken, and holds the rest.
func (g *gating) let(buf, all []byte, taken, n int) (pass []byte) {
	pass, rest := all[taken:taken+n], all[taken+n:]
	held := len(g.held) > 0 // then all bytes are there, and none of them in buf
	if held {
		pass = buf[:copy(buf, pass)]
	}
	switch {
	case len(rest) == 0:
		g.held = nil
	case !held || len(rest) < len(all):
		g.held = bytes.Clone(rest)
	}
	return pass
}

// refusalOf is the verdict when the answer, about so many bytes, ends the session; nil when it does not.
func refusalOf(a flow.GateAnswer, held int, eof bool) *flow.Verdict {
	switch {
	case a.Refuse != nil:
		return a.Refuse
	case a.Take < 0 || a.Take > held:
		return faulty(fmt.Sprintf("it took %d of %d bytes", a.Take, held))
	case a.Pass < 0 || a.Pass > held-a.Take:
		return faulty(fmt.Sprintf("it let %d of %d bytes pass", a.Pass, held-a.Take))
	case len(a.Reply) > flow.ReplyMax:
		return faulty(fmt.Sprintf("it said %d bytes at once, more than %d", len(a.Reply), flow.ReplyMax))
	case eof && a.Take+a.Pass < held:
		return &flow.Verdict{Rule: "gate.held", Cause: flow.CauseProtocol,
			Reason: fmt.Sprintf("the client closed its side behind %d bytes that the gate did not let pass", held-a.Take-a.Pass)}
	case a.Take+a.Pass == 0 && held == flow.GateMax:
		return &flow.Verdict{Rule: "gate.held", Cause: flow.CauseProtocol,
			Reason: fmt.Sprintf("the client sent %d bytes of which the gate let none pass", held)}
	}
	return nil
}

// faulty is the verdict of a gate that answers what it must not.
func faulty(how string) *flow.Verdict {
	return &flow.Verdict{Rule: "gate.fault", Cause: flow.CauseInternal, Reason: "the gate is faulty: " + how}
}

// interrupts is the verdict of a gate that speaks behind the backend.
func interrupts() *flow.Verdict {
	return faulty("it answers the client, but the backend has spoken already")
}

// refusal is the end of a session that its gate refused.
type refusal struct{ verdict *flow.Verdict }

func (r refusal) Error() string { return r.verdict.Reason }
