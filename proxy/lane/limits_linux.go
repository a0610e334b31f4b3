//go:build !portable

package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// limits are the timeouts of one session.
type limits struct {
	session *loopSession
	idle    time.Duration // 0 is none
	first   time.Duration // after accepted; 0 is none
	timer   timer
	moved   uint64        // bytes moved when last looked at
	movedAt time.Duration // and when that had changed
}

func (l *limits) start(now time.Duration) {
	l.timer.owner = l
	l.movedAt = now
	l.due(now)
}

// due looks four times in the idle time, so that a session ends at most a quarter of it late and a read costs no timer.
func (l *limits) due(now time.Duration) {
	s := l.session
	if s.read[flow.FromClient].Load() > 0 {
		l.first = 0
	}
	firstAt, never := s.accepted+l.first, time.Duration(1<<63-1)
	if l.first == 0 {
		firstAt = never
	}
	if now >= firstAt {
		s.end(ownEnd(flow.EndFirstByte), flow.SideLodoor)
		return
	}
	idleAt := never
	if l.idle > 0 {
		if moved := s.progress(); moved != l.moved {
			l.moved, l.movedAt = moved, now
		}
		rest := l.movedAt + l.idle - now
		if rest <= 0 {
			s.end(ownEnd(flow.EndIdleTimeout), flow.SideLodoor)
			return
		}
		idleAt = now + min(rest, max(l.idle/4, time.Millisecond))
	}
	if at := min(firstAt, idleAt); at != never {
		s.worker.timers.set(&l.timer, at)
	}
}
