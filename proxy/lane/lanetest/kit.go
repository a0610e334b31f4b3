package lanetest

import (
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// kit makes sessions of one lane over one network.
type kit struct {
	newLane func(t *testing.T) lane.Lane
	network network
	gate    script // of every session that has none of its own; nil is no gate
	takes   bool   // a tap takes what is in pipes; see flow.PipeTap
}

// session is a running session and its two far ends.
type session struct {
	Ends
	lane     lane.Lane
	pair     lane.Pair
	control  lane.Control
	outcomes chan flow.Outcome
}

// open starts a session on a lane of its own. p says how it is to be run. At the end of the test both far ends are
// closed, and the session must end by that.
func (k kit) open(t *testing.T, p lane.Pair) *session {
	t.Helper()
	l := k.newLane(t)
	s := k.openOn(t, l, p)
	t.Cleanup(func() {
		_ = s.Client.Close()
		_ = s.Backend.Close()
		closeLane(t, l)
	})
	return s
}

// closeLane closes l, whose sessions must be over or end now.
func closeLane(t testing.TB, l lane.Lane) {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- l.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Errorf("close lane: %v", err)
		}
	case <-time.After(Patience):
		t.Error("a session did not end when both ends were closed")
	}
}

func (k kit) openOn(t testing.TB, l lane.Lane, p lane.Pair) *session {
	t.Helper()
	s := k.connect(t, l, p)
	s.start(t)
	return s
}

// connect has both ends ready; the session is not started.
func (k kit) connect(t testing.TB, l lane.Lane, p lane.Pair) *session {
	t.Helper()
	if p.Gate == nil && k.gate != nil {
		p.Gate = &keeper{script: k.gate, any: true}
	}
	s := &session{lane: l, pair: p, outcomes: make(chan flow.Outcome, 1)}
	s.Ends, s.pair.Client, s.pair.Backend = legs(t, k.network.client, k.network.backend)
	return s
}

func (s *session) start(t testing.TB) {
	s.pair.Accepted = time.Now()
	s.control = s.lane.Start(s.pair, func(o flow.Outcome) {
		if !closed(s.pair.Client) || !closed(s.pair.Backend) {
			t.Error("done was called before both ends were closed")
		}
		if g, is := s.pair.Gate.(*keeper); is {
			if _, _, wrong := g.seen(); wrong != nil {
				t.Errorf("gate: %v", wrong)
			}
		}
		select {
		case s.outcomes <- o:
		default:
			t.Error("done was called twice")
		}
	})
}

func closed(s *lane.Socket) bool { return s.Control(func(uintptr) {}) != nil }

// outcome waits for the end of the session.
func (s *session) outcome(t testing.TB) flow.Outcome {
	t.Helper()
	select {
	case o := <-s.outcomes:
		return o
	case <-time.After(Patience):
		up, down := s.control.Counts()
		t.Fatalf("the session did not end; %d bytes from the client, %d from the backend", up, down)
		return flow.Outcome{}
	}
}

// carried waits until the lane has read so many bytes from each side.
func (s *session) carried(t testing.TB, up, down uint64) {
	t.Helper()
	testkit.Wait(t, "the lane to read what was sent", func() bool {
		u, d := s.control.Counts()
		return u == up && d == down
	}, Patience)
}

// legs connects a client and a service with lodoor's two sockets, which nobody carries bytes between yet.
func legs(t testing.TB, front, back string) (far Ends, client, backend *lane.Socket) {
	t.Helper()
	f, b := Direct(t, front), Direct(t, back)
	return Ends{f.Client, b.Backend}, socket(t, f.Backend), socket(t, b.Client)
}

// Legs connects a client and a service, over network tcp4, tcp6 or unix, with the two sockets of a pair between them.
// The pair is not started.
func Legs(t testing.TB, network string) (Ends, lane.Pair) {
	t.Helper()
	far, client, backend := legs(t, network, network)
	return far, lane.Pair{Client: client, Backend: backend, Accepted: time.Now()}
}

// Through connects a client and a service with l between them. At the end of the test both ends and l are closed.
func Through(t testing.TB, network string, l lane.Lane) Ends {
	t.Helper()
	far, pair := Legs(t, network)
	l.Start(pair, func(flow.Outcome) {})
	t.Cleanup(func() {
		_ = far.Client.Close()
		_ = far.Backend.Close()
		closeLane(t, l)
	})
	return far
}

// conn holds the lane to what a net.Conn promises.
func (k kit) conn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		l := k.newLane(t)
		s := k.openOn(t, l, lane.Pair{})
		_ = s.Client.SetDeadline(time.Time{})
		_ = s.Backend.SetDeadline(time.Time{})
		return s.Client, s.Backend, func() {
			_ = s.Client.Close()
			_ = s.Backend.Close()
			s.outcome(t)
			closeLane(t, l)
		}, nil
	})
}
