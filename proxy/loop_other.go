//go:build !linux

package proxy

// driven is what a session has that an event loop sets up; only Linux has such loops.
type driven struct{}

func (s *Server) looped() bool { return false }

// acceptSome accepts, and returns when there is something that its caller has to see to.
func (s *Server) acceptSome(l *listener) (some bool, err error) { return s.acceptOne(l) }
