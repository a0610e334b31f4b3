package proxy

import (
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// acceptBatch is how many connections a loop accepts at most before its sessions have a turn.
const acceptBatch = 32

// errNeedsLookup says that a backend's address is not known without asking somebody.
var errNeedsLookup = errors.New("the backend's address has to be looked up")

// driven is what a session has that a loop sets up.
type driven struct {
	on *lane.Worker // the loop that it was dealt to; nil when a goroutine does it
}

// loops are the event loops that set sessions up; nil when the lane has none.
func (s *Server) loops() *lane.Loop {
	loops, _ := s.config.Lane.(*lane.Loop)
	return loops
}

func (s *Server) looped() bool { return s.loops() != nil }

// acceptSome accepts, and returns when there is something that its caller has to see to: an error, or no room.
func (s *Server) acceptSome(l *listener) (some bool, err error) {
	if s.looped() {
		return s.acceptOnLoops(l)
	}
	return s.acceptOne(l)
}

// acceptOnLoops has the loops accept until they cannot: what is out of the ordinary is left to the calling goroutine.
func (s *Server) acceptOnLoops(l *listener) (some bool, err error) {
	a := &loopAccept{server: s, listener: l, trouble: make(chan error, 1)}
	listening, err := s.loops().Listen(l.acceptor.fd, a.ready)
	if err != nil {
		return false, err
	}
	defer listening.Stop()
	select {
	case <-l.stopped.Done():
		return a.some.Load(), l.stopped.Err()
	case err := <-a.trouble:
		return a.some.Load(), err
	}
}

// loopAccept is the loops' part of accepting on one listener.
type loopAccept struct {
	server   *Server
	listener *listener
	some     atomic.Bool  // something was accepted
	expected atomic.Int32 // how many are likely to wait; asking for one more than wait costs a system call
	stuck    atomic.Bool  // trouble was told
	trouble  chan error
}

// ready accepts what waits, on a loop. A session is set up on the loop that has the fewest.
func (a *loopAccept) ready(on *lane.Worker) {
	expected := max(1, a.expected.Load())
	for n := range expected {
		switch {
		case a.stuck.Load():
			return
		case !a.server.hasRoom():
			a.tell(nil)
			return
		}
		sock, err := a.listener.acceptor.acceptNow()
		if errors.Is(err, unix.EAGAIN) {
			a.expected.Store(n)
			return
		}
		if err != nil {
			a.tell(err)
			return
		}
		if !a.some.Load() {
			a.some.Store(true)
		}
		x := a.server.newSession(a.listener, sock)
		if x.on = on.Deal(); x.on != on {
			x.on.Post(x)
		} else {
			x.Run(on)
		}
	}
	a.expected.Store(min(2*expected, acceptBatch))
}

func (a *loopAccept) tell(err error) {
	if a.stuck.CompareAndSwap(false, true) {
		a.trouble <- err
	}
}

// Run takes the session a step further, on its loop. What has to be waited for goes on on a goroutine.
func (x *session) Run(on *lane.Worker) {
	switch {
	case x.noted == lost && x.server().config.MustRecord:
		on.Dealt()
		x.unrecorded()
		return
	case x.noted != notYet:
		x.connect()
		return
	case x.headed():
		on.Dealt()
		go x.run()
		return
	}
	lead := x.identify()
	verdict := x.barred()
	if verdict.Action == flow.Allow {
		verdict = x.decide()
	}
	if verdict.Action == flow.Need || verdict.Action == flow.Allow && x.tapNeedsProcess() {
		on.Dealt()
		go x.proceed(lead)
		return
	}
	if !x.admit(&verdict) {
		discard(lead)
		on.Dealt()
		return
	}
	open := x.opened(&verdict)
	x.tapIn(&open)
	x.server().config.Log.Add(open, x.written)
	x.seek(lead)
}

// written is called when the open record is where it was promised to be, by whoever wrote it.
func (x *session) written(_ flow.Identity, err error) {
	x.noted = recorded
	if err != nil {
		x.noted = lost
	}
	x.on.Post(x)
}

// connect begins to connect to the backend's first address. What does not succeed at once is left to a goroutine: other
// addresses, names, other attempts.
func (x *session) connect() {
	x.on.Dealt()
	x.begin()
	backend, err := x.settings.dialer.begin()
	switch {
	case errors.Is(err, errNeedsLookup):
		go x.dial(nil)
	case err != nil:
		go x.dial(err)
	default:
		deadline := x.accepted.Add(x.dialling + x.settings.dialer.Dial)
		x.attach(x.on.Connect(x.pair(backend), deadline, x.connected, x.closeOnLoop))
	}
}

// begin begins to connect to the backend's first address and does not wait.
func (d *dialer) begin() (*lane.Socket, error) {
	switch {
	case d.backend.IsUnix():
		s, err := connectUnix(d.backend.Path, time.Time{})
		if err != nil {
			return nil, errNeedsLookup // a queue that is full is waited for, and all else fails once more
		}
		return s, nil
	case len(d.known) == 0:
		return nil, errNeedsLookup
	default:
		return beginConnectTCP(d.known[0], d.User)
	}
}

// connected is called on the loop when the connect is over. With an error the client is the session's again.
func (x *session) connected(err error) {
	if err == nil {
		x.dialled()
		x.stage.Store(stageRunning)
		x.tellConnected()
		return
	}
	killed := x.server().sessions.attach(x, nil)
	x.backend = nil
	switch {
	case killed != flow.EndUnknown:
		x.undialled(stopped(killed))
	case errors.Is(err, lane.ErrClientGone):
		x.undialled(&dialError{flow.EndClientGone, "the client left before the backend answered"})
	default:
		go x.dial(err)
	}
}

// closeOnLoop is close on the session's loop.
func (x *session) closeOnLoop(o flow.Outcome) {
	x.settings.service.counts.count(&o)
	x.server().sessions.end(x)
	if x.looked == met {
		x.server().config.Log.Add(x.recognised(), nil)
	}
	x.server().config.Log.Add(x.closed(&o), nil)
	x.leave()
}
