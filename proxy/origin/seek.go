package origin

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// seek is one search that somebody waits for. It has the lead's descriptor until it is over.
type seek struct {
	lead     flow.Lead
	known    flow.Origin
	deadline time.Time
	by       flow.Seeker
	urgent   bool // somebody is kept waiting
	// connected is the process that the lead's descriptor is of, as it was last; nil when not known.
	connected *holder
	tried     bool // where it costs little
	over      bool
}

// answer ends the search with what is to be said.
func (s *seek) answer(o flow.Origin) {
	s.end()
	s.by.Found(o)
}

// end ends the search without an answer.
func (s *seek) end() {
	s.over = true
	closePIDFD(s.lead.PIDFD)
	s.lead.PIDFD = 0
}
