package gate

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what a guard depends on.
type Config struct {
	// Protocol is what the backend speaks: postgres, mysql, redis, mongodb, memcached or http. The others have no gate.
	Protocol string
	// Service is the service's name, one of the names that an HTTP service goes by.
	Service string
	// Settings are for http.
	Settings Settings
	// DeclineTLS has the clients of postgres and mysql told that there is no TLS, so that what they say can be read.
	DeclineTLS bool
	// Open lets everything else through (gate: off). It is for a guard that is there for DeclineTLS alone.
	Open bool
}

// Guard makes the gates of one service. It does not change.
type Guard struct {
	rule     string
	protocol string
	names    *names // nil: no HTTP request passes
	// As in Config.
	declineTLS, open bool
}

// New returns the guard of a service, or nil when its protocol has none.
func New(c Config) (*Guard, error) {
	g := &Guard{rule: "gate." + c.Protocol, protocol: c.Protocol, declineTLS: c.DeclineTLS, open: c.Open}
	switch {
	case c.DeclineTLS && !declines(c.Protocol):
		return nil, fmt.Errorf("gate of service %q: tls: decline is for the protocols postgres and mysql, which have a way "+
			"to say that there is no TLS, and the service's protocol is %q", c.Service, c.Protocol)
	case slices.Contains([]string{"postgres", "mysql", "redis", "mongodb", "memcached"}, c.Protocol):
		return g, nil
	case c.Protocol != "http":
		return nil, nil
	}
	names, errs := compile(c.Service, c.Settings)
	if len(errs) > 0 {
		return nil, fmt.Errorf("gate of service %q: %w", c.Service, errors.Join(errs...))
	}
	g.names = names
	return g, nil
}

// Gate returns the gate of a session that came to front, which is not valid for a Unix socket. It is nil when there
// is none. Where DeclineTLS is set, Session is the one to call.
func (g *Guard) Gate(front netip.AddrPort) flow.Gate {
	switch {
	case g == nil || g.open:
		return nil
	case g.names != nil:
		return &httpGate{guard: g, port: front.Port()}
	default:
		return &door{guard: g}
	}
}

// refuse is the answer that ends a session.
func (g *Guard) refuse(o *objection) flow.GateAnswer {
	v := flow.Verdict{Action: flow.Deny, Rule: g.rule, Cause: o.cause, Reason: o.reason}
	return flow.GateAnswer{Refuse: &v}
}
