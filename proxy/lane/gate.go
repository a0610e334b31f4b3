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

// sift asks the gate about what is held and the first n bytes of buf, which were read behind it; eof says that no more
// come. It returns what is to be written now, in buf; nothing when that made it refuse the session.
func (g *gating) sift(buf []byte, n int, eof bool) (pass []byte) {
	all := buf[:n]
	if len(g.held) > 0 {
		g.held = append(g.held, all...)
		all = g.held
	}
	answer := g.gate.Inspect(all, eof)
	if answer.Done {
		answer.Pass = len(all)
	}
	if g.refused = refusalOf(answer, len(all), eof); g.refused != nil {
		return nil
	}
	if answer.Done || eof {
		g.gate = nil
	}
	return g.let(buf, all, answer.Pass)
}

// let has n of all bytes pass, and holds the rest.
func (g *gating) let(buf, all []byte, n int) (pass []byte) {
	if len(g.held) == 0 {
		if n < len(all) {
			g.held = bytes.Clone(all[n:])
		}
		return all[:n]
	}
	pass = buf[:copy(buf, all[:n])]
	switch {
	case n == len(all):
		g.held = nil
	case n > 0:
		g.held = bytes.Clone(all[n:])
	}
	return pass
}

// refusalOf is the verdict when the answer, about so many bytes, ends the session; nil when it does not.
func refusalOf(a flow.GateAnswer, held int, eof bool) *flow.Verdict {
	switch {
	case a.Refuse != nil:
		return a.Refuse
	case a.Pass < 0 || a.Pass > held:
		return &flow.Verdict{Rule: "gate.fault", Cause: flow.CauseInternal,
			Reason: fmt.Sprintf("the gate is faulty: it let %d of %d bytes pass", a.Pass, held)}
	case eof && a.Pass < held:
		return &flow.Verdict{Rule: "gate.held", Cause: flow.CauseProtocol,
			Reason: fmt.Sprintf("the client closed its side behind %d bytes that the gate did not let pass", held-a.Pass)}
	case a.Pass == 0 && held == flow.GateMax:
		return &flow.Verdict{Rule: "gate.held", Cause: flow.CauseProtocol,
			Reason: fmt.Sprintf("the client sent %d bytes of which the gate let none pass", held)}
	}
	return nil
}

// refusal is the end of a session that its gate refused.
type refusal struct{ verdict *flow.Verdict }

func (r refusal) Error() string { return r.verdict.Reason }
