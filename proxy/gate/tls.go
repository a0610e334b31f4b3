package gate

import (
	"fmt"
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Session returns what stands in a session that came to front, which is not valid for a Unix socket: its gate, and what
// changes the backend's first words. Each is nil when there is none. With DeclineTLS the two of a session belong together.
func (g *Guard) Session(front netip.AddrPort) (flow.Gate, flow.Amend) {
	gate := g.Gate(front)
	switch {
	case g == nil || !g.declineTLS:
		return gate, nil
	case g.protocol == "postgres":
		return &plainPostgres{guard: g, next: gate}, nil
	default:
		greeting := &plainGreeting{}
		return &plainMySQL{guard: g, next: gate, greeting: greeting}, greeting.amend
	}
}

// declines says whether protocol has a way to say that there is no TLS.
func declines(protocol string) bool { return protocol == "postgres" || protocol == "mysql" }

// requiresTLS objects to a client that takes no plain connection. setting is what makes it take one.
func requiresTLS(what, setting string) *objection {
	reason := fmt.Sprintf("%s: it requires TLS, which this door declines so that what is said can be read; let the client do "+
		"without (%s), or set tls: pass for the service", what, setting)
	return &objection{flow.CauseTLS, reason}
}

// ask hands bytes on to the gate behind; without one they pass.
func ask(next flow.Gate, held []byte, eof bool) flow.GateAnswer {
	if next == nil {
		return flow.GateAnswer{Done: true}
	}
	return next.Inspect(held, eof)
}
