package proxy

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// change is what a reload is going to do, worked out before anything is done.
type change struct {
	fronts   map[string]front    // wanted, by key
	owner    map[string]*Service // of each
	order    []string            // the keys as configured
	bound    map[string]*acceptor
	warnings []string
}

// Reload puts other services and rules in place of those at work. New fronts are bound before anything is swapped: on
// an error nothing has changed. Established sessions keep their verdict and settings; a front that is gone is emptied,
// serving what waits in its queue, before it is closed.
func (s *Server) Reload(services []Service, rules Rules) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return errors.New("reload: lodoor is shutting down")
	}
	c, err := planChange(services)
	if err != nil {
		return err
	}
	if err := s.bindNew(c); err != nil {
		c.undo()
		return err
	}
	for _, name := range s.inherited.unused(c.fronts) {
		c.warnings = append(c.warnings, "the socket "+name+" was handed over, and no service listens at its address")
	}
	for _, w := range c.warnings {
		s.config.Warn(w)
	}
	s.swap(c, services, rules)
	return nil
}

func planChange(services []Service) (*change, error) {
	c := &change{fronts: map[string]front{}, owner: map[string]*Service{}, bound: map[string]*acceptor{}}
	for i := range services {
		svc := &services[i]
		fronts, err := frontsOf(svc)
		if err != nil {
			return nil, err
		}
		for _, f := range fronts {
			key := f.key()
			if other, taken := c.owner[key]; taken {
				return nil, fmt.Errorf("services %s and %s both listen on %s", other.Name, svc.Name, f.endpoint)
			}
			c.fronts[key], c.owner[key] = f, svc
			c.order = append(c.order, key)
		}
	}
	return c, nil
}

// bindNew binds the fronts that are not bound yet.
func (s *Server) bindNew(c *change) error {
	for _, key := range c.order {
		if s.listeners[key] != nil {
			continue
		}
		f := c.fronts[key]
		a, err := s.bind(f, c.owner[key])
		switch {
		case err == nil:
			c.bound[key] = a
		case f.optional && isMissingFamily(err):
			c.warnings = append(c.warnings, fmt.Sprintf("this host has no IPv6 loopback: %s listens on 127.0.0.1:%d alone",
				c.owner[key].Name, f.addr.Port()))
		case f.tripwire:
			c.warnings = append(c.warnings, fmt.Sprintf("not watched: %s: %v", f.endpoint, err))
		default:
			return s.bindError(c, f, err)
		}
	}
	return nil
}

func (s *Server) bind(f front, svc *Service) (*acceptor, error) {
	o := listenOptions{looped: s.looped(), userTimeout: svc.Timeouts.User, prepare: s.config.Identify.Prepare}
	if !f.tripwire {
		if a, err := s.inherited.acceptor(&f, o); a != nil || err != nil {
			return a, err
		}
	}
	if f.endpoint.IsUnix() {
		return listenUnix(f.endpoint.Path, o)
	}
	return listenTCP(f.addr, o)
}

// bindError says what else is to be known of a front that could not be bound.
func (s *Server) bindError(c *change, f front, err error) error {
	e := &BindError{Service: c.owner[f.key()].Name, Front: f.endpoint, Err: err}
	if !e.InUse() {
		return e
	}
	for _, l := range s.listeners {
		e.Restart = e.Restart || (l.addr.IsValid() && l.addr.Port() == f.addr.Port())
	}
	if other, ok := otherLoopback(f); ok {
		e.FreeOther = s.freeOther(c, other)
	}
	return e
}

// freeOther answers the address when it is free, or was until this reload took it.
func (s *Server) freeOther(c *change, other front) flow.Endpoint {
	if c.bound[other.key()] != nil {
		return other.endpoint
	}
	a, err := s.bind(other, &Service{})
	if err != nil {
		return flow.Endpoint{}
	}
	_ = a.close()
	return other.endpoint
}

// undo closes what a reload that failed had bound.
func (c *change) undo() {
	for _, a := range c.bound {
		_ = a.close()
	}
}

// swap is called with s.mu held, and cannot fail.
func (s *Server) swap(c *change, services []Service, rules Rules) {
	atWork := make(map[string]*service, len(services))
	for _, svc := range services {
		atWork[svc.Name] = s.settle(svc, rules)
	}
	s.services = atWork
	for key, l := range s.listeners {
		if svc := c.owner[key]; svc != nil {
			l.service.Store(atWork[svc.Name])
			l.acceptor.setUserTimeout(svc.Timeouts.User)
			continue
		}
		delete(s.listeners, key)
		if s.running {
			l.stop()
		} else {
			l.discard()
		}
	}
	for key, a := range c.bound {
		l := newListener(c.fronts[key], a, atWork[c.owner[key].Name])
		s.listeners[key] = l
		if s.running {
			s.startAccepting(l)
		}
	}
}

// settle gives a service its new settings. What its limits have counted lives on.
func (s *Server) settle(c Service, rules Rules) *service {
	if c.Timeouts.Dial == 0 {
		c.Timeouts.Dial = defaultDialTimeout
	}
	svc := s.services[c.Name]
	if svc == nil {
		svc = &service{server: s, name: c.Name, limits: newLimiter(c.Limits), counts: s.countersOf(c.Name)}
	} else {
		svc.limits.set(c.Limits)
	}
	svc.current.Store(&settled{
		Service: c, service: svc, rules: rules, headed: headedFronts(&c), dialer: newDialer(c.Backend, c.Timeouts),
	})
	return svc
}

// draining says whether the server no longer takes sessions.
func (s *Server) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
