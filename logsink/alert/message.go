package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// message is for a person: what happened, how often, to whom, why.
func (g *group) message() string {
	var b strings.Builder
	if g.service != "" {
		b.WriteString(g.service + ": ")
	}
	b.WriteString(g.happened())
	if g.reason != "" {
		b.WriteString(": " + g.reason)
	}
	switch {
	case g.measured == "":
	case g.reason == "":
		b.WriteString(": " + g.measured)
	default:
		b.WriteString("; " + g.measured)
	}
	if !g.sayBy() {
		return b.String()
	}
	return b.String() + " (" + labelWords(g.by) + ")"
}

func (g *group) happened() string {
	switch g.condition {
	case BackendDown:
		return "backend down" + g.times("sessions failed")
	case JournalLost:
		return "the journal is in trouble" + g.times("records or sessions")
	case DiskFull:
		return "no space is left for the journal" + g.times("failures")
	case ConfigBroken:
		return "the new configuration was rejected, nothing is changed" + g.times("attempts")
	case CarriedPeer:
		return g.through()
	case Burst:
		return "a burst" + g.times("connections")
	case NewProgram:
		return "a new program" + g.times("sessions")
	case SinkLag:
		return g.by[0].Value + " does not keep up"
	case ClockJumped:
		return "the clock jumped" + g.times("times")
	case Other:
		return "not told one by one" + g.times("events")
	default:
		if isPeers(g.condition) {
			return g.peers()
		}
		return g.condition + g.times("events")
	}
}

// isPeers says whether a condition is that a peer was refused.
func isPeers(condition string) bool {
	switch condition {
	case NonLocalPeer, Denied, CrossProtocol, Limit:
		return true
	default:
		return false
	}
}

// sayBy says whether the labels tell something that the message does not.
func (g *group) sayBy() bool { return len(g.by) > 0 && builtinNamed(g.condition) == nil }

func labelWords(by []flow.Label) string {
	words := make([]string, len(by))
	for i, l := range by {
		words[i] = fmt.Sprintf("%s %q", l.Name, l.Value)
	}
	return strings.Join(words, ", ")
}

// resolution says how a group ended, how long it lasted and what it came to.
func (g *group) resolution(now time.Time, how string) string {
	var b strings.Builder
	if g.service != "" {
		b.WriteString(g.service + ": ")
	}
	what := g.condition
	switch g.condition {
	case SinkLag:
		what = g.by[0].Value
	case BackendDown:
		what = "backend"
	}
	fmt.Fprintf(&b, "%s: %s after %v; %d event", what, how, now.Sub(g.first).Round(time.Second), g.count)
	if g.count != 1 {
		b.WriteString("s")
	}
	if g.sayBy() {
		b.WriteString(" (" + labelWords(g.by) + ")")
	}
	return b.String()
}

func (g *group) times(what string) string {
	if g.count == 1 {
		return ""
	}
	return fmt.Sprintf(", %d %s%s", g.count, what, g.span())
}

// span says in what time events came; nothing when they came at once.
func (g *group) span() string {
	if d := g.last.Sub(g.first).Round(time.Second); d > 0 {
		return " in " + d.String()
	}
	return ""
}

// through says what a forwarder did. How many far ends there are is not told: not all of them are known.
func (g *group) through() string {
	if g.count == 1 {
		return "let in a connection through " + g.forwarder
	}
	return fmt.Sprintf("let in %d connections through %s%s", g.count, g.forwarder, g.span())
}

func (g *group) peers() string {
	did := "refused "
	if g.observed {
		did = "in observe mode, let in and would have refused "
	}
	if g.count == 1 {
		if len(g.sample) == 0 {
			return did + "a connection"
		}
		return did + g.sample[0].String()
	}
	return fmt.Sprintf("%s%d connections%s%s", did, g.count, g.origins(), g.span())
}

func (g *group) origins() string {
	n := max(g.distinct, uint64(len(g.addresses)))
	switch {
	case n == 0:
		return ""
	case n == 1 && !g.capped && len(g.sample) == 1:
		return " from " + g.sample[0].Addr().String()
	case g.capped:
		return fmt.Sprintf(" from at least %d addresses", n)
	default:
		return fmt.Sprintf(" from %d addresses", n)
	}
}
