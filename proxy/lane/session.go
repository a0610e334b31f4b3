package lane

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// session is one running pair. Two goroutines carry its halves; the one that leaves last finishes it.
type session struct {
	lane      *Copy
	pair      Pair
	done      func(flow.Outcome)
	halves    [2]half // by flow.Direction
	running   atomic.Int32
	hurry     atomic.Bool   // killed, or the receiver takes nothing: no more flushing
	firstByte time.Duration // written by the half from the backend, read when both have left
	gating    *gating       // nil without a gate; the half from the client's
	tapping   *tapping      // nil without a tap
	clock     clock

	mu    sync.Mutex
	cause cause     // the first that was known
	at    time.Time // and when
	fin   [2]bool   // by flow.Direction: its source closed in order
	first flow.Side // whose FIN came first
}

func newSession(c *Copy, p Pair, done func(flow.Outcome)) *session {
	s := &session{lane: c, pair: p, done: done, gating: newGating(p.Gate), tapping: newTapping(p.Tap)}
	s.halves[flow.FromClient].init(s, flow.FromClient)
	s.halves[flow.FromBackend].init(s, flow.FromBackend)
	return s
}

func (s *session) start() {
	s.pair.Client.inlineUrgent()
	s.pair.Backend.inlineUrgent()
	s.pair.Client.tune()
	s.pair.Backend.tune()
	s.running.Store(2)
	s.startTimeouts()
	go s.halves[flow.FromClient].run()
	go s.halves[flow.FromBackend].run()
}

// Kill ends the session with a reset on both legs, and what a peer's reset still had to deliver with it.
func (s *session) Kill(end flow.End) {
	s.hurry.Store(true)
	s.end(ownEnd(end), flow.SideLodoor)
	s.interrupt()
}

// Counts are the bytes read from each side so far.
func (s *session) Counts() (fromClient, fromBackend uint64) {
	return s.halves[flow.FromClient].read.Load(), s.halves[flow.FromBackend].read.Load()
}

// end notes why the session ends and has both halves leave. The first reason counts. When a side's connection is gone,
// the half that reads it goes on until it has delivered what was received before.
func (s *session) end(err error, side flow.Side) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return // interrupted by somebody who noted the reason
	}
	c := causeOf(err, side)
	drained, first := s.note(c)
	switch {
	case !first:
	case !c.gone() || drained:
		s.interrupt()
	default:
		s.stopReading(1 - direction(side))
		s.clock.drained = s.arrived(side)
		s.clock.after(timerDrain, s.lane.config.Stall, s.checkDrain)
	}
}

// note sets the cause if there is none, and says whether the side's stream had ended before.
func (s *session) note(c cause) (drained, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause.known() {
		if c.betters(s.cause) {
			s.cause = c
		}
		return false, false
	}
	s.cause, s.at = c, time.Now()
	return s.fin[direction(c.by)], true
}

// closed notes that dir's source closed in order, and says whether that ends the session: the other had closed before.
func (s *session) closed(dir flow.Direction) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == flow.SideNone {
		s.first = s.halves[dir].from
	}
	s.fin[dir] = true
	return s.fin[1-dir] || s.cause.known()
}

// interrupt has both halves leave, whatever they are doing.
func (s *session) interrupt() {
	for d, sock := range [2]*Socket{s.pair.Client, s.pair.Backend} { // by the direction that they send
		_ = sock.SetDeadline(past())
		s.tapping.leave(flow.Direction(d))
	}
}

// stopReading has nothing more read in direction d.
func (s *session) stopReading(d flow.Direction) {
	_ = s.halves[d].src.SetReadDeadline(past())
	s.tapping.leave(d)
}

// leave is called by each half at its end.
func (s *session) leave() {
	if s.running.Add(-1) > 0 {
		return
	}
	s.finish()
}

// finish closes both ends and tells the outcome.
func (s *session) finish() {
	s.clock.stop()
	s.note(causeOf(nil, s.first))
	o := s.outcome()
	s.closeEnds()
	if s.tapping != nil {
		o.TapKept, o.TapSkipped = s.tapping.tap.Done(s.at, &o)
	}
	s.done(o)
	s.lane.running.Done()
}

func (s *session) outcome() flow.Outcome {
	o := flow.Outcome{
		Known:     true,
		Duration:  s.at.Sub(s.pair.Accepted),
		FirstByte: s.firstByte,
		Lane:      s.lane.Name(),
		Tapped:    s.tapping != nil,
		End:       s.cause.end,
		EndedBy:   s.cause.by,
		Detail:    s.cause.detail,
	}
	o.FromClient, o.FromBackend = s.Counts()
	if s.gating != nil && o.End == flow.EndDenied {
		o.Refused = s.gating.refused
	}
	if s.cause.measured() {
		o.ClientTCP, o.BackendTCP = s.pair.Client.TCPInfo(), s.pair.Backend.TCPInfo()
	}
	return o
}

// closeEnds closes in order what ended in order, and resets all else: a FIN would say that the sender had finished.
func (s *session) closeEnds() {
	if s.cause.end == flow.EndFIN {
		_ = s.pair.Client.Close()
		_ = s.pair.Backend.Close()
		return
	}
	if s.cause.by != flow.SideLodoor {
		s.flush(s.other(s.cause.by))
	}
	_ = s.pair.Client.Reset()
	_ = s.pair.Backend.Reset()
}

// other is the socket that is not side's.
func (s *session) other(side flow.Side) *Socket { return s.halves[direction(side)].dst }

// direction is the one that side sends.
func direction(side flow.Side) flow.Direction {
	if side == flow.SideBackend {
		return flow.FromBackend
	}
	return flow.FromClient
}
