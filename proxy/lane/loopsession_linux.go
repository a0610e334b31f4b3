//go:build !portable

package lane

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/proxy/flow"
)

// loopSession is one running pair. It belongs to its loop; only the counts are read elsewhere. It is kept small, as it
// is nearly all that an idle session costs.
type loopSession struct {
	worker    *Worker
	ends      [2]*Socket   // by the direction that they send
	tapping   *loopTapping // nil when nobody taps
	gating    *gating      // nil when no gate has a say
	amend     flow.Amend   // nil when nothing more is changed
	done      func(flow.Outcome)
	read      [2]atomic.Uint64 // by flow.Direction
	halves    [2]loopHalf      // by flow.Direction
	accepted  time.Duration    // since the loop's epoch
	firstByte time.Duration    // since accepted
	limits    *limits          // nil when there are none
	dial      *dialing         // until the backend is connected
	ending    *ending          // when it does not end in order
	tag       uint32           // comes with its events; 0 until it is watched
	place     uint32           // in the loop's table
	first     flow.Side        // whose FIN came first
	over      bool
}

func newLoopSession(w *Worker, p Pair, done func(flow.Outcome)) *loopSession {
	w.loop.running.Add(1)
	w.sessions.Add(1)
	s := &loopSession{
		worker:   w,
		ends:     [2]*Socket{p.Client, p.Backend},
		gating:   newGating(p.Gate),
		amend:    p.Amend,
		done:     done,
		accepted: p.Accepted.Sub(w.epoch),
	}
	s.tapping = newLoopTapping(s, p.Tap)
	if p.Idle > 0 || p.FirstByte > 0 {
		s.limits = &limits{session: s, idle: p.Idle, first: p.FirstByte}
	}
	return s
}

// Run starts the session on its loop.
func (s *loopSession) Run(on *Worker) {
	if err := on.watch(s); err != nil {
		s.end(err, flow.SideLodoor)
		return
	}
	s.begin()
}

func (s *loopSession) begin() {
	for _, end := range s.ends {
		end.inlineUrgent()
	}
	if s.limits != nil {
		s.limits.start(s.worker.now())
	}
}

// Counts are the bytes read from each side so far.
func (s *loopSession) Counts() (fromClient, fromBackend uint64) {
	return s.read[flow.FromClient].Load(), s.read[flow.FromBackend].Load()
}

// written is how many bytes were written in a direction; what a gate has taken is as good as that.
func (s *loopSession) written(d flow.Direction) uint64 {
	held := s.halves[d].held() - s.unshown(d)
	if s.gated(d) {
		held += uint64(len(s.gating.held))
	}
	return s.read[d].Load() - held
}

// progress grows whenever bytes are read or written.
func (s *loopSession) progress() uint64 {
	up, down := s.Counts()
	return up + down + s.written(flow.FromClient) + s.written(flow.FromBackend)
}

// fd is the descriptor of the end that sends d.
func (s *loopSession) fd(d flow.Direction) int { return int(s.ends[d].fd.Load()) }

// serve handles what epoll says of the end that sends d.
func (s *loopSession) serve(d flow.Direction, events uint32) {
	h, back := &s.halves[d], &s.halves[1-d]
	const alarms = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR | unix.EPOLLPRI
	if events&(unix.EPOLLIN|alarms) != 0 {
		h.state |= readable
	}
	if events&alarms != 0 || s.ends[d].IsUnix() {
		h.state |= doubtful
	}
	if events&unix.EPOLLOUT != 0 {
		back.state &^= blocked
	}
	if s.dial != nil {
		s.dial.serve(d, events)
		return
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if err := s.ends[d].failureIn(s.fd(d), events); err != nil {
			s.end(err, side(d))
		}
	}
	s.pump(d)
	s.pump(1 - d)
}

// side is the one that sends d.
func side(d flow.Direction) flow.Side {
	if d == flow.FromBackend {
		return flow.SideBackend
	}
	return flow.SideClient
}

// sourceClosed is called when the end of a stream was read, and all before it is written.
func (s *loopSession) sourceClosed(d flow.Direction) {
	h := &s.halves[d]
	h.state |= ended
	if s.ending != nil {
		s.delivered(d)
		return
	}
	if s.first == flow.SideNone {
		s.first = side(d)
	}
	if s.tapping != nil {
		s.tapping.tap.Shut(d, time.Now())
	}
	if s.halves[1-d].state&ended != 0 {
		s.close() // which sends the FIN
		return
	}
	_ = s.ends[1-d].CloseWrite() // fails when the destination is gone, which its events tell
}

// close closes both ends and tells the outcome.
func (s *loopSession) close() {
	w := s.worker
	s.over = true
	w.forget(s)
	if s.limits != nil {
		w.timers.stop(&s.limits.timer)
	}
	if s.ending != nil {
		w.timers.stop(&s.ending.timer)
	}
	for i := range s.halves {
		s.halves[i].release(w)
	}
	o, at := s.outcome()
	for _, end := range s.ends {
		if s.ending == nil {
			_ = end.Close()
		} else {
			_ = end.Reset()
		}
	}
	if s.tapping != nil {
		o.TapKept, o.TapSkipped = s.tapping.tap.Done(at, &o)
	}
	done := s.done
	s.tapping, s.gating, s.amend, s.done = nil, nil, nil, nil // a Control may be kept for long
	w.sessions.Add(-1)
	done(o)
	w.loop.running.Done()
}

func (s *loopSession) outcome() (flow.Outcome, time.Time) {
	at, c := s.worker.now(), causeOf(nil, s.first)
	e := s.ending
	if e != nil {
		at, c = e.at, e.cause
	}
	o := flow.Outcome{
		Known: true, Lane: s.worker.loop.Name(), Tapped: s.tapping != nil,
		Duration: at - s.accepted, FirstByte: s.firstByte,
		End: c.end, EndedBy: c.by, Detail: c.detail,
	}
	o.FromClient, o.FromBackend = s.Counts()
	if s.gating != nil && c.end == flow.EndDenied {
		o.Refused = s.gating.refused
	}
	if e != nil {
		o.ClientTCP, o.BackendTCP = e.client, e.backend
	}
	return o, s.worker.epoch.Add(at)
}
