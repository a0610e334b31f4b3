package proxy

import (
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// session is one client connection on its way: accepted, decided, recorded, dialled, running, closed. Until it runs,
// the goroutine of run owns it; then the lane does.
type session struct {
	server   *Server
	id       flow.SessionID
	service  *service
	settings *settled // as they were at accept: a reload does not change an established session
	front    *front
	client   *lane.Socket
	accepted time.Time

	// Set once by run, and only read afterwards: records point to them.
	peer    flow.Peer
	origin  flow.Origin
	verdict flow.Verdict

	release func() // gives back what the limits counted
	tap     flow.Tap
	leg     flow.Outcome // what the proxy knows of the outcome: Dial, Leg, Server

	mu      sync.Mutex
	control lane.Control // set when the lane has it
	killed  flow.End     // asked for before the lane had it
}

// newSession enters a connection into the table, so that the end waits for it.
func (s *Server) newSession(l *listener, client *lane.Socket) *session {
	svc := l.service.Load()
	x := &session{
		server: s, id: flow.NewSessionID(), service: svc, settings: svc.current.Load(), front: &l.front,
		client: client, accepted: time.Now(),
	}
	s.sessions.add(x)
	return x
}

// run takes the session from accept to the lane, or to its refusal.
func (x *session) run() {
	x.peer, x.origin = x.server.config.Identify.Identify(x.client)
	x.peer.Path = x.front.endpoint.Path
	x.verdict = x.decide()
	if x.verdict.Action == flow.Deny {
		x.refuse(x.verdict)
		return
	}
	release, limited := x.service.limits.admit(x.peer.Addr.Addr(), x.accepted)
	if limited.Action == flow.Deny {
		x.refuse(limited)
		return
	}
	x.release = release
	x.open()
	backend, failed := x.dial()
	if failed != nil {
		x.undialled(failed)
		return
	}
	x.start(backend)
}

// decide asks the rules; what they cannot know comes first.
func (x *session) decide() flow.Verdict {
	switch {
	case x.front.tripwire:
		return flow.Verdict{Rule: "builtin.tripwire", Cause: flow.CauseTripwire,
			Reason: x.front.endpoint.String() + " is only watched; nobody is let in there"}
	case x.server.draining():
		return flow.Verdict{Rule: "builtin.draining", Cause: flow.CauseDraining, Reason: "lodoor is shutting down"}
	}
	rules := *x.server.rules.Load()
	return rules.Decide(&flow.Facts{Service: x.service.name, Peer: x.peer, Origin: x.origin, Time: x.accepted})
}

// refuse resets the client before a byte, and records it.
func (x *session) refuse(v flow.Verdict) {
	x.verdict = v
	_ = x.client.Reset()
	x.server.refused.add(flow.Record{
		Time: x.accepted, Event: flow.EventSessionRefused, Service: x.service.name,
		Peer: &x.peer, Origin: &x.origin, Verdict: &x.verdict,
		Refusal: &flow.Refusal{Count: 1, Distinct: 1, Tripwire: x.front.tripwire},
	})
	x.server.sessions.remove(x)
}

// open writes the open record and waits until it is where the durability says. A journal that fails does not take the
// service away: what it lost it counts and tells itself.
func (x *session) open() {
	written := make(chan struct{})
	x.server.config.Log.Append(flow.Record{
		Time: x.accepted, Event: flow.EventSessionOpen, Service: x.service.name, Session: x.id,
		Peer: &x.peer, Origin: &x.origin, Verdict: &x.verdict, Backend: &x.settings.Backend,
	}, func(flow.Identity, error) { close(written) })
	<-written
	if r := x.server.config.Recorder; r != nil && x.settings.Record {
		x.tap = r.Tap(x.service.name, x.id, x.accepted, &x.peer)
	}
}

func (x *session) dial() (*lane.Socket, *dialError) {
	begun := time.Now()
	backend, failed := x.settings.dialer.dial(x.server.force, func() bool { return gone(x.client) })
	x.leg.Dial = time.Since(begun)
	return backend, failed
}

// undialled ends a session whose backend was not reached: the client is reset at once.
func (x *session) undialled(failed *dialError) {
	_ = x.client.Reset()
	o := flow.Outcome{
		Known: true, Duration: time.Since(x.accepted),
		End: failed.end, EndedBy: failed.side(), Detail: failed.detail, Tapped: x.tap != nil,
	}
	if x.tap != nil {
		o.TapKept, o.TapSkipped = x.tap.Done(time.Now(), &o)
	}
	x.close(o)
}

// start gives both ends to the lane.
func (x *session) start(backend *lane.Socket) {
	x.leg.Leg, x.leg.Server = backend.Local(), backend.Remote()
	control := x.server.config.Lane.Start(lane.Pair{
		Client: x.client, Backend: backend, Accepted: x.accepted,
		Idle: x.settings.Timeouts.Idle, FirstByte: x.settings.Timeouts.FirstByte, Tap: x.tap,
	}, x.close)
	x.mu.Lock()
	x.control = control
	killed := x.killed
	x.mu.Unlock()
	if killed != flow.EndUnknown {
		control.Kill(killed)
	}
}

// close writes the close record. It may run on a goroutine that other sessions need, and does not wait.
func (x *session) close(o flow.Outcome) {
	o.Dial, o.Leg, o.Server = x.leg.Dial, x.leg.Leg, x.leg.Server
	x.server.config.Log.Append(flow.Record{
		Time: x.accepted.Add(o.Duration), Event: flow.EventSessionClose, Service: x.service.name, Session: x.id,
		Peer: &x.peer, Origin: &x.origin, Backend: &x.settings.Backend, Outcome: &o,
	}, nil)
	x.release()
	x.server.sessions.remove(x)
}

// kill ends the session with a reset on both legs. One that is still being set up is ended as soon as the lane has it.
func (x *session) kill(end flow.End) {
	x.mu.Lock()
	control := x.control
	x.killed = end
	x.mu.Unlock()
	if control != nil {
		control.Kill(end)
	}
}
