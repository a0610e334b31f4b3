package proxy

import (
	"sync/atomic"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Counts are what has happened at a service since the start of the process. They only grow, but for Open.
type Counts struct {
	Service string
	// Open are the sessions that are open now, Opened all that ever were: those whose open record was kept, or need not
	// be.
	Open, Opened uint64
	// Refused are the connections that were not let in, by cause. None of them is among the opened.
	Refused map[flow.Cause]uint64
	// Undialled are the sessions whose backend could not be reached.
	Undialled uint64
	// FromClient and FromBackend are the bytes of the sessions that are over.
	FromClient, FromBackend uint64
}

// counters are the Counts of a service as they are counted.
type counters struct {
	opened, closed, undialled, fromClient, fromBackend atomic.Uint64
	refused                                            [flow.Causes]atomic.Uint64
}

// count looks at a session that is over.
func (c *counters) count(o *flow.Outcome) {
	c.closed.Add(1)
	c.fromClient.Add(o.FromClient)
	c.fromBackend.Add(o.FromBackend)
	if o.End.DialFailed() {
		c.undialled.Add(1)
	}
}

func (c *counters) counts(service string) Counts {
	n := Counts{
		Service: service, Undialled: c.undialled.Load(),
		FromClient: c.fromClient.Load(), FromBackend: c.fromBackend.Load(), Refused: make(map[flow.Cause]uint64),
	}
	closed := c.closed.Load() // before opened, so that their difference is never negative
	n.Opened = c.opened.Load()
	n.Open = n.Opened - closed
	for cause := range c.refused {
		if refused := c.refused[cause].Load(); refused > 0 {
			n.Refused[flow.Cause(cause)] = refused
		}
	}
	return n
}

// Counts are those of each service that there was since the start, also of those that a reload took away.
func (s *Server) Counts() []Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Counts, 0, len(s.counted))
	for _, name := range s.counted {
		all = append(all, s.counters[name].counts(name))
	}
	return all
}

// countersOf are the counters of a service; one that comes back goes on with its own. It is called with s.mu held.
func (s *Server) countersOf(service string) *counters {
	c := s.counters[service]
	if c == nil {
		c = &counters{}
		s.counters[service] = c
		s.counted = append(s.counted, service)
	}
	return c
}
