package proxy

import (
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// session is one client connection on its way: accepted, decided, recorded, dialled, running, closed. None of the steps
// waits. What drives them is a goroutine ([session.run]) or, with the loop lane, an event loop ([session.Run]); it owns
// the session until it runs, and then the lane does.
type session struct {
	settings *settled // as they were at accept: a reload does not change an established session
	front    *front
	id       flow.SessionID
	client   *lane.Socket
	accepted time.Time
	who      atomic.Pointer[who] // set by identify, and once more when the peer's process is found

	next, prev *session // of the table

	release  func()          // gives back what the limits counted
	tap      flow.SessionTap // set once, under the table's lock: see Found
	dialling time.Duration   // from accept to the dial's beginning; once that is over, how long it took
	backend  *lane.Socket    // nil until it was connected

	control lane.Control // set when the lane has it; the table's lock guards it, and killed
	killed  flow.End     // asked for before the lane had it
	noted   noted        // on an event loop: what became of the open record
	taped   bool         // a recorder is among who reads along
	looked  looked       // for the peer's process; beside the session the table's lock guards it, until the stage is over
	stage   atomic.Uint32
	driven
}

// noted is what became of an open record.
type noted uint8

const (
	notYet   noted = iota
	recorded       // it is where it was promised to be
	lost           // it could not be kept
)

// looked is what has become of the search for the peer's process.
type looked uint8

const (
	unsought looked = iota // or all that was found is recorded
	sought                 // and waited for, since the rules asked for it
	met                    // who connected is known, and not recorded yet
)

// newSession enters a connection into the table, so that the end waits for it.
func (s *Server) newSession(l *listener, client *lane.Socket) *session {
	svc := l.service.Load()
	x := &session{
		settings: svc.current.Load(), front: &l.front, id: flow.NewSessionID(),
		client: client, accepted: time.Now(),
	}
	s.sessions.add(x)
	return x
}

// run takes the session from accept to the lane, or to its refusal, on a goroutine that waits where it has to.
func (x *session) run() { x.proceed(x.identify()) }

// proceed is run for a peer that was examined.
func (x *session) proceed(lead flow.Lead) {
	verdict := x.judge(&lead)
	if !x.admit(&verdict) {
		discard(lead)
		return
	}
	written := make(chan error, 1)
	open := x.opened(&verdict)
	x.tapIn(&open)
	x.server().config.Log.Append(open, func(_ flow.Identity, err error) { written <- err })
	x.seek(lead)
	if err := <-written; err != nil && x.server().config.MustRecord {
		x.unrecorded()
		return
	}
	x.begin()
	x.dial(nil)
}

func (x *session) server() *Server { return x.settings.service.server }

// judge finds a verdict, and waits for what it takes: the PROXY header, the peer's process.
func (x *session) judge(lead *flow.Lead) flow.Verdict {
	if v := x.barred(); v.Action == flow.Deny {
		return v
	}
	if x.headed() {
		if v := x.takeHeader(lead); v.Action == flow.Deny {
			return v
		}
	}
	v := x.decide()
	if v.Action == flow.Allow && x.tapNeedsProcess() && !x.search(lead) {
		return shuttingDown()
	}
	if v.Action == flow.Need {
		if !x.search(lead) {
			return shuttingDown()
		}
		if v = x.decide(); v.Action == flow.Need { // against the contract, and no reason to let anybody in
			return flow.Verdict{Rule: v.Rule, Cause: flow.CauseInternal,
				Reason: "the rules ask once more for a process that has been looked for"}
		}
	}
	return v
}

// barred is a denial of what no rule can let in.
func (x *session) barred() flow.Verdict {
	switch {
	case x.front.tripwire:
		return flow.Verdict{Rule: "builtin.tripwire", Cause: flow.CauseTripwire,
			Reason: x.front.endpoint.String() + " is only watched; nobody is let in there"}
	case x.server().draining() && !x.front.kept: // what was accepted there was so before the end was asked for
		return shuttingDown()
	}
	return flow.Verdict{Action: flow.Allow}
}

func shuttingDown() flow.Verdict {
	return flow.Verdict{Rule: "builtin.draining", Cause: flow.CauseDraining, Reason: "lodoor is shutting down"}
}

// decide asks the rules.
func (x *session) decide() flow.Verdict {
	return x.settings.rules.Decide(x.facts())
}

func (x *session) facts() *flow.Facts {
	return &flow.Facts{
		Service: x.settings.service.name, Peer: x.peer(), Origin: x.who.Load().origin, Sought: x.looked == sought, Time: x.accepted,
	}
}

// admit asks the limits, when the verdict lets the peer in, and carries out a denial: the session is over then.
func (x *session) admit(v *flow.Verdict) bool {
	if v.Action == flow.Deny {
		x.refuse(v)
		return false
	}
	release, limited := x.settings.service.limits.admit(x.client.Remote().Addr(), x.accepted)
	if limited.Action == flow.Deny {
		x.refuse(&limited)
		return false
	}
	x.release = release
	x.stage.Store(stageOpen)
	return true
}

// refuse resets the client before a byte, and records it.
func (x *session) refuse(v *flow.Verdict) {
	_ = x.client.Reset()
	x.settings.service.counts.refused[v.Cause].Add(1)
	peer := x.peer()
	x.server().refused.add(flow.Record{
		Time: x.accepted, Event: flow.EventSessionRefused, Service: x.settings.service.name,
		Peer: &peer, Origin: &x.who.Load().origin, Verdict: v,
		Refusal: &flow.Refusal{Count: 1, Distinct: 1, Tripwire: x.front.tripwire},
	})
	x.server().sessions.remove(x)
}

// opened is the open record. The dial waits until it is where the durability says. A journal that fails does not take
// the service away, unless Config.MustRecord says so: what it lost it counts and tells itself.
func (x *session) opened(v *flow.Verdict) flow.Record {
	peer := x.peer()
	return flow.Record{
		Time: x.accepted, Event: flow.EventSessionOpen, Service: x.settings.service.name, Session: x.id,
		Peer: &peer, Origin: &x.who.Load().origin, Verdict: v, Backend: &x.settings.Backend,
	}
}

// begin is what comes before the dial, once the open record is where it has to be.
func (x *session) begin() {
	x.settings.service.counts.opened.Add(1)
	x.dialling = time.Since(x.accepted)
}

// dial connects to the backend, waits for that, and gives both ends to the lane. first is how an attempt at the first
// known address has ended already.
func (x *session) dial(first error) {
	backend, failed := x.settings.dialer.dial(x.server().force, x.givenUp, first)
	switch end := x.server().sessions.condemned(x); {
	case failed == nil:
		x.start(backend)
	case end != flow.EndUnknown:
		x.undialled(stopped(end))
	default:
		x.undialled(failed)
	}
}

// undialled ends a session whose backend was not reached: the client is reset at once.
func (x *session) undialled(failed *dialError) {
	_ = x.client.Reset()
	x.dialled()
	o := flow.Outcome{
		Known: true, Duration: time.Since(x.accepted),
		End: failed.end, EndedBy: failed.side(), Detail: failed.detail, Tapped: x.tap != nil,
	}
	x.untap(&o)
	x.close(o)
}

// unrecorded ends a session whose open record was lost, before the backend has heard of it. It counts as refused.
func (x *session) unrecorded() {
	_ = x.client.Reset()
	x.settings.service.counts.refused[flow.CauseJournal].Add(1)
	o := flow.Outcome{
		Known: true, Duration: time.Since(x.accepted), End: flow.EndDenied, EndedBy: flow.SideLodoor, Tapped: x.tap != nil,
		Refused: &flow.Verdict{Rule: "builtin.journal", Cause: flow.CauseJournal,
			Reason: "the journal could not keep the session's record, and on_full says that nobody is let in then"},
	}
	x.untap(&o)
	x.conclude(o)
}

// dialled turns the time since the dial began into how long it took.
func (x *session) dialled() { x.dialling = time.Since(x.accepted) - x.dialling }

// start gives both ends to the lane.
func (x *session) start(backend *lane.Socket) {
	x.dialled()
	x.stage.Store(stageRunning)
	pair := x.pair(backend)
	x.tellConnected()
	x.attach(x.server().config.Lane.Start(pair, x.close))
}

func (x *session) pair(backend *lane.Socket) lane.Pair {
	x.backend = backend
	p := lane.Pair{
		Client: x.client, Backend: backend, Accepted: x.accepted,
		Idle: x.settings.Timeouts.Idle, FirstByte: x.settings.Timeouts.FirstByte, Tap: x.tap,
	}
	if x.settings.Guard != nil {
		p.Gate, p.Amend = x.settings.Guard(plain(x.client.Local()))
	}
	if h := x.settings.Header; h != nil && !x.headed() {
		p.Gate = h.Unasked(p.Gate)
	}
	return p
}

// attach keeps the hold that the lane gave on the session.
func (x *session) attach(control lane.Control) {
	if end := x.server().sessions.attach(x, control); end != flow.EndUnknown {
		control.Kill(end)
	}
}

// close counts the session and writes its close record. It may run on a goroutine that other sessions need, and does
// not wait.
func (x *session) close(o flow.Outcome) {
	x.settings.service.counts.count(&o)
	x.conclude(o)
}

func (x *session) conclude(o flow.Outcome) {
	x.server().sessions.end(x)
	if x.looked == met {
		x.server().config.Log.Append(x.recognised(), nil)
	}
	x.server().config.Log.Append(x.closed(&o), nil)
	x.leave()
}

func (x *session) closed(o *flow.Outcome) flow.Record {
	o.Dial, o.Recorded = x.dialling, x.taped
	if x.backend != nil {
		o.Leg, o.Server = x.backend.Local(), x.backend.Remote()
	}
	peer := x.peer()
	return flow.Record{
		Time: x.accepted.Add(o.Duration), Event: flow.EventSessionClose, Service: x.settings.service.name, Session: x.id,
		Peer: &peer, Origin: &x.who.Load().origin, Backend: &x.settings.Backend, Verdict: o.Refused, Outcome: o,
	}
}

// leave gives back what the session took of the service and the server.
func (x *session) leave() {
	x.release()
	x.server().sessions.remove(x)
}

// kill ends the session with a reset on both legs. One that is still being set up is ended as soon as the lane has it.
func (x *session) kill(end flow.End) {
	if control := x.server().sessions.condemn(x, end); control != nil {
		control.Kill(end)
	}
}
