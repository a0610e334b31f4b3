package proxy

import (
	"runtime"
	"runtime/debug"
	"time"
)

// settleTime with few new sessions is the end of a crowd's coming.
const settleTime = 250 * time.Millisecond

// giveMemoryBack returns to the system what only a crowd's coming or going needed, once it is over. Left to itself Go's
// runtime takes minutes. What the pools hold goes in the second collection.
func (s *Server) giveMemoryBack() {
	for {
		select {
		case <-s.sessions.crowd:
		case <-s.force.Done():
			return
		}
		if !s.awaitSettled() {
			return
		}
		collect()
		s.sessions.collected()
		s.collectAfter()
	}
}

// collectAfter collects what follows a crowd until the next one comes. Searches for processes need a second or two; the
// history has a tenth of a processor for what the journal has of 10,000 sessions, so that it takes some seconds.
func (s *Server) collectAfter() {
	for _, pause := range []time.Duration{2 * time.Second, 3 * time.Second, 5 * time.Second} {
		select {
		case <-time.After(pause):
			collect()
		case <-s.sessions.crowd:
			s.sessions.tellCrowd() // for giveMemoryBack
			return
		case <-s.force.Done():
			return
		}
	}
}

func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}

// awaitSettled waits until few sessions come; false is that the server ends.
func (s *Server) awaitSettled() bool {
	tick := time.NewTicker(settleTime)
	defer tick.Stop()
	for before := s.sessions.ever(); ; {
		select {
		case <-tick.C:
		case <-s.force.Done():
			return false
		}
		now := s.sessions.ever()
		if now-before < manySessions/10 {
			return true
		}
		before = now
	}
}
