package lane

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What a session's timers are for. A session that needs none has none.
const (
	timerFirstByte = iota
	timerIdle
	timerBlocked
	timerDrain
	timerCount
)

// watchEvery is how often the source of a blocked half is asked whether its connection still stands.
const watchEvery = 100 * time.Millisecond

// past is a deadline that has been missed.
func past() time.Time { return time.Unix(1, 0) }

// clock keeps the timers of one session. Its zero value is ready.
type clock struct {
	mu      sync.Mutex
	timers  [timerCount]*time.Timer
	stopped bool

	watching atomic.Bool // timerBlocked runs

	// These belong to the timers' functions, each of which runs one at a time.
	moved   uint64    // timerIdle: bytes moved when last looked at
	movedAt time.Time // timerIdle: and when that had changed
	drained uint64    // timerDrain: bytes that had arrived when last looked at
}

// after calls f on a goroutine of its own after d, unless the clock is stopped before.
func (c *clock) after(timer int, d time.Duration, f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
	case c.timers[timer] == nil:
		c.timers[timer] = time.AfterFunc(d, f)
	default:
		c.timers[timer].Reset(d)
	}
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	for _, t := range c.timers {
		if t != nil {
			t.Stop()
		}
	}
}

func (s *session) startTimeouts() {
	if t := s.pair.FirstByte; t > 0 {
		s.clock.after(timerFirstByte, time.Until(s.pair.Accepted.Add(t)), s.checkFirstByte)
	}
	if t := s.pair.Idle; t > 0 {
		s.clock.movedAt = time.Now()
		s.clock.after(timerIdle, t/4, s.checkIdle)
	}
}

func (s *session) checkFirstByte() {
	if s.halves[flow.FromClient].read.Load() == 0 {
		s.end(ownEnd(flow.EndFirstByte), flow.SideLodoor)
	}
}

// checkIdle looks four times in the idle time, so that a session ends at most a quarter of it late and a read costs
// no timer.
func (s *session) checkIdle() {
	now, moved := time.Now(), s.progress()
	if moved != s.clock.moved {
		s.clock.moved, s.clock.movedAt = moved, now
	}
	rest := s.pair.Idle - now.Sub(s.clock.movedAt)
	if rest <= 0 {
		s.end(ownEnd(flow.EndIdleTimeout), flow.SideLodoor)
		return
	}
	s.clock.after(timerIdle, min(rest, s.pair.Idle/4), s.checkIdle)
}

// progress grows whenever bytes are read or written.
func (s *session) progress() uint64 {
	up, down := s.Counts()
	return up + down + s.written()
}

func (s *session) written() uint64 {
	return s.halves[flow.FromClient].out.written.Load() + s.halves[flow.FromBackend].out.written.Load()
}

// arrived grows whenever the receiver of what by sent takes something, also when that does not yet make room for a
// write; where the send queue cannot be seen, only when it does.
func (s *session) arrived(by flow.Side) uint64 {
	unsent, _ := s.other(by).Unsent()
	return s.written() - uint64(unsent)
}

// blocked is called when a half cannot write, or must not read. Its goroutine then waits for the destination, or for the
// tap, so that nobody would notice a reset from the source: a timer looks.
func (s *session) blocked() {
	if s.clock.watching.CompareAndSwap(false, true) {
		s.clock.after(timerBlocked, watchEvery, s.checkBlocked)
	}
}

func (s *session) checkBlocked() {
	s.clock.watching.Store(false)
	for i := range s.halves {
		h := &s.halves[i]
		if !h.out.blocked.Load() && !s.tapping.waits(h.dir) {
			continue
		}
		if err := h.src.failure(); err != nil {
			s.end(err, h.from)
			return
		}
		s.blocked()
	}
}

// checkDrain ends the delivery of what was read before a reset when the receiver takes nothing, or takes too long.
func (s *session) checkDrain() {
	s.mu.Lock()
	late, by := time.Since(s.at) >= s.lane.config.Flush, s.cause.by
	s.mu.Unlock()
	arrived := s.arrived(by)
	if late || arrived == s.clock.drained {
		s.hurry.Store(true)
		s.interrupt()
		return
	}
	s.clock.drained = arrived
	s.clock.after(timerDrain, s.lane.config.Stall, s.checkDrain)
}

// blindFlush is how long a flush takes where the send queue cannot be seen.
const blindFlush = 100 * time.Millisecond

// flush waits until the other end's kernel has all that was written to it: a reset drops what has not arrived. It is
// bounded by the lane's Flush and Stall, and ends at once when the session is killed or the receiver is gone.
func (s *session) flush(to *Socket) {
	if to.IsUnix() {
		return // what was written is already with the receiver
	}
	last, moved := -1, time.Now()
	for pause := time.Millisecond; !s.hurry.Load(); pause = min(2*pause, 10*time.Millisecond) {
		n, err := to.Unsent()
		if errors.Is(err, errors.ErrUnsupported) {
			time.Sleep(min(blindFlush, s.lane.config.Flush))
			return
		}
		now := time.Now()
		if n != last {
			last, moved = n, now
		}
		late := now.Sub(moved) >= s.lane.config.Stall || now.Sub(s.at) >= s.lane.config.Flush
		if err != nil || n == 0 || late || to.failure() != nil {
			return
		}
		time.Sleep(pause)
	}
}
