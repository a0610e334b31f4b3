package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// Pauses of an accept loop that has run out of descriptors or memory; without them it would spin.
const (
	backoffFirst = 5 * time.Millisecond
	backoffMost  = time.Second
)

// listener is one bound front at work.
type listener struct {
	front
	acceptor *acceptor
	service  atomic.Pointer[service]
	stopped  context.Context // ends when the accept loop is to end
	stopOnce sync.Once
	cancel   context.CancelFunc
}

func newListener(f front, a *acceptor, svc *service) *listener {
	f.kept = a.kept
	l := &listener{front: f, acceptor: a}
	l.service.Store(svc)
	l.stopped, l.cancel = context.WithCancel(context.Background())
	return l
}

// stop makes the accept loop empty the queue, close the socket and end.
func (l *listener) stop() {
	l.stopOnce.Do(func() {
		l.cancel()
		l.acceptor.interrupt()
	})
}

// discard closes a listener whose accept loop was never started.
func (l *listener) discard() {
	l.stop()
	_ = l.acceptor.close()
}

// acceptLoop accepts until the listener is stopped, then empties its queue and closes it.
func (s *Server) acceptLoop(l *listener) {
	pause := backoffFirst
	for {
		s.awaitRoom(l)
		some, err := s.acceptSome(l)
		if some {
			pause = backoffFirst
		}
		switch {
		case err == nil:
			continue
		case l.stopped.Err() != nil || errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed):
			s.emptyAndClose(l)
			return
		case exhausted(err):
			s.shed(l, pause, err)
		}
		// accept(2): errors of the new connection, such as ECONNABORTED, come out here too. The next one may be good.
		select {
		case <-l.stopped.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, backoffMost)
	}
}

// acceptOne waits for a connection and hands it to a goroutine.
func (s *Server) acceptOne(l *listener) (some bool, err error) {
	sock, err := l.acceptor.accept()
	if err != nil {
		return false, err
	}
	s.accepted(l, sock)
	return true, nil
}

// hasRoom says whether another session may be opened.
func (s *Server) hasRoom() bool { return s.sessions.len() < s.capacity }

// awaitRoom waits while as many sessions are open as there are descriptors for.
func (s *Server) awaitRoom(l *listener) {
	if s.hasRoom() {
		return
	}
	s.config.Warn(fmt.Sprintf("%d sessions are open, all that the limit of descriptors allows; clients of %s wait until sessions end (raise it with ulimit -n)",
		s.capacity, l.endpoint))
	tick := time.NewTicker(backoffFirst)
	defer tick.Stop()
	for !s.hasRoom() {
		select {
		case <-l.stopped.Done():
			return
		case <-tick.C:
		}
	}
}

// shed is called when accept has run out of descriptors or memory. The first time it says so; when that lasts, it
// gives up the spare descriptor to tell one client of those that wait.
func (s *Server) shed(l *listener, pause time.Duration, err error) {
	if pause == backoffFirst {
		s.config.Warn(fmt.Sprintf("accept on %s: %v; clients wait until sessions end (raise the limit with ulimit -n)",
			l.endpoint, err))
	}
	if pause < backoffMost {
		return
	}
	s.spare.lend(func() {
		if sock := l.acceptor.acceptWaiting(); sock != nil {
			x := s.newSession(l, sock)
			discard(x.identify())
			x.refuse(&flow.Verdict{Rule: "limit.descriptors", Cause: flow.CauseLimit,
				Reason: "lodoor has no descriptor left"})
		}
	})
}

// emptyAndClose answers what waits in the queue, then closes the socket: closing first would reset it unseen. Where
// somebody else holds the socket, too, what waits is left to the next lodoor.
func (s *Server) emptyAndClose(l *listener) {
	if l.acceptor.kept {
		_ = l.acceptor.close()
		return
	}
	for sock := l.acceptor.acceptWaiting(); sock != nil; sock = l.acceptor.acceptWaiting() {
		s.accepted(l, sock)
	}
	_ = l.acceptor.close()
}

// accepted hands a connection to a goroutine of its own.
func (s *Server) accepted(l *listener, sock *lane.Socket) {
	x := s.newSession(l, sock)
	go x.run()
}
