package proxy

import (
	"runtime"
	"runtime/debug"
	"time"
)

// settleTime with few new sessions is the end of a crowd's coming.
const settleTime = 250 * time.Millisecond

// searchTime is when the processes of nearly all of a crowd have been looked for, which needs memory, too.
const searchTime = 2 * time.Second

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
		if s.config.Resolver != nil {
			select {
			case <-time.After(searchTime):
				collect()
			case <-s.force.Done():
				return
			}
		}
		s.sessions.collected()
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
