package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// Service is one front and its backend.
type Service struct {
	Name     string
	Fronts   []flow.Endpoint // a bare port and localhost stand for 127.0.0.1 and ::1
	Backend  flow.Endpoint   // a bare port and localhost stand for 127.0.0.1, then ::1
	Limits   Limits
	Timeouts Timeouts
	Tripwire []netip.Addr // own addresses to watch on the fronts' ports
	// Header, when it is not nil, is asked of every peer before the rules, or of those alone that come to HeaderFronts,
	// which are among Fronts; at the others none may be sent.
	Header       Header
	HeaderFronts []flow.Endpoint
	// Guard makes the gate of a session that came in at a front, and what changes the backend's first words. Nil, or an
	// answer of nil, is none.
	Guard func(front netip.AddrPort) (flow.Gate, flow.Amend)
}

// Config is what a Server is made of.
type Config struct {
	Services []Service
	Lane     lane.Lane
	Identify Identifier
	Rules    Rules
	Log      Log
	Recorder Tapper   // keeps what it is told, and its counts are those of the close record; nil: nothing is recorded
	Decoder  Tapper   // reads what is said; nil: nothing is read
	Resolver Resolver // nil: processes are not looked for
	// Inherited are listening sockets that whoever started lodoor holds, too; a front at the address of one uses it. They
	// stay the caller's.
	Inherited []*os.File
	// MustRecord refuses a session whose open record the log could not keep; otherwise it goes on.
	MustRecord bool
	// Drain is how long sessions may go on after the end was asked for; 0 ends them at once.
	Drain time.Duration
	// Warn takes messages for the person who runs lodoor; nil drops them.
	Warn func(string)
}

// Server stands in front of services.
type Server struct {
	config    Config
	whose     whose // what was known at accept
	learned   whose // what was found out later: kept apart, since the two come by turns
	sessions  *table
	refused   *refusals
	spare     *spare
	inherited inherited
	capacity  int // how many sessions may be open
	accepts   sync.WaitGroup
	force     context.Context // ends when sessions must not be waited for any longer
	cut       context.CancelFunc

	mu        sync.Mutex
	listeners map[string]*listener
	services  map[string]*service
	counters  map[string]*counters // of each service that there was
	counted   []string             // their names, in the order of their coming
	stopping  bool
	running   bool
}

// service is one service at work. It lives on over reloads, which change its settings.
type service struct {
	server  *Server
	name    string
	limits  *limiter
	counts  *counters
	current atomic.Pointer[settled]
}

// settled is what a reload may change of a service.
type settled struct {
	Service
	service *service
	rules   Rules                  // those that came with the service: others do not know it
	headed  map[flow.Endpoint]bool // the fronts at which the header is asked for
	dialer  dialer
}

// New makes a server. It binds nothing yet.
func New(c Config) (*Server, error) {
	if c.Lane == nil || c.Identify == nil || c.Rules == nil || c.Log == nil {
		return nil, errors.New("proxy: Lane, Identify, Rules and Log are needed")
	}
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	s := &Server{
		config:    c,
		sessions:  newTable(),
		refused:   newRefusals(c.Log),
		spare:     newSpare(),
		capacity:  capacity(),
		listeners: make(map[string]*listener),
		services:  make(map[string]*service),
		counters:  make(map[string]*counters),
	}
	var err error
	if s.inherited, err = newInherited(c.Inherited); err != nil {
		return nil, err
	}
	s.force, s.cut = context.WithCancel(context.Background())
	return s, nil
}

// Listen binds every front of the configuration. On an error, which may be a [*BindError], nothing stays bound.
func (s *Server) Listen() error { return s.Reload(s.config.Services, s.config.Rules) }

// Run serves until ctx ends, then drains: it stops to accept, waits for the sessions as long as Config.Drain says,
// ends the rest and returns when all is over.
func (s *Server) Run(ctx context.Context) error {
	s.start()
	var helpers sync.WaitGroup
	helpers.Go(func() { s.refused.run(s.force) })
	helpers.Go(s.giveMemoryBack)
	<-ctx.Done()
	s.stopAccepting()
	s.drain()
	s.cut()
	helpers.Wait()
	s.refused.flush() // those that were refused since it ended
	s.spare.close()
	if err := s.config.Lane.Close(); err != nil {
		return fmt.Errorf("close lane: %w", err)
	}
	return nil
}

// start begins to accept on what is bound.
func (s *Server) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
	for _, l := range s.listeners {
		s.startAccepting(l)
	}
}

// startAccepting is called with s.mu held.
func (s *Server) startAccepting(l *listener) {
	s.accepts.Add(1)
	go func() {
		defer s.accepts.Done()
		s.acceptLoop(l)
	}()
}

// stopAccepting closes every front. What waits in a queue is answered first, since closing a listener would reset it
// unseen.
func (s *Server) stopAccepting() {
	s.mu.Lock()
	s.stopping = true
	listeners := s.listeners
	s.listeners = make(map[string]*listener)
	s.mu.Unlock()
	for _, l := range listeners {
		l.stop()
	}
	s.accepts.Wait()
}

// drain waits for the sessions, then ends those that are left.
func (s *Server) drain() {
	timer := time.NewTimer(s.config.Drain)
	defer timer.Stop()
	select {
	case <-s.sessions.empty():
		return
	case <-timer.C:
	case <-s.force.Done():
	}
	s.cut() // also ends dials
	s.sessions.killAll(flow.EndDrain)
	<-s.sessions.empty()
}

// Force ends the drain now.
func (s *Server) Force() { s.cut() }

// Open is the number of sessions that are open.
func (s *Server) Open() int { return s.sessions.len() }

// Capacity is how many sessions may be open at once; others wait to be accepted.
func (s *Server) Capacity() int { return s.capacity }

// Fronts are the addresses at which a service is open now, in the order of its configuration; tripwires are left out.
func (s *Server) Fronts(service string) []flow.Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc := s.services[service]
	if svc == nil {
		return nil
	}
	configured := svc.current.Load().Service
	fronts, err := frontsOf(&configured)
	if err != nil {
		return nil
	}
	var open []flow.Endpoint
	for _, f := range fronts {
		if s.listeners[f.key()] != nil && !f.tripwire {
			open = append(open, f.endpoint)
		}
	}
	return open
}

// Abandon closes the fronts of a server that was never run.
func (s *Server) Abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for key, l := range s.listeners {
		l.discard()
		delete(s.listeners, key)
	}
	s.cut()
	s.spare.close()
}
