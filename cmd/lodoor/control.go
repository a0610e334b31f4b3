package main

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// controlled is a door as commands see it.
type controlled struct {
	*door
	reloads chan<- reloadRequest
}

// reloadRequest asks the goroutine that reloads.
type reloadRequest struct{ answer chan<- reloadAnswer }

type reloadAnswer struct {
	source string
	err    error
}

// listenControl opens the control socket. A door without one does its work all the same, and says what is missing.
func (d *door) listenControl() *net.UnixListener {
	config, _, _ := d.configured()
	l, err := control.Listen(instanceOf(config))
	if err != nil {
		d.say.warn(err.Error() + "; 'lodoor who', 'kill' and 'reload' do not reach this door")
		return nil
	}
	return l
}

func (c *controlled) About() control.About {
	config, _, source := c.configured()
	a := control.About{
		Instance: instanceOf(config), PID: os.Getpid(), Version: version(), Started: c.started, Source: source,
	}
	if c.journal != nil {
		a.Journal = c.journal.Dir()
	}
	for i := range config.Services {
		s := &config.Services[i]
		told := control.Service{Name: s.Name, Backend: s.Backend.String()}
		for _, f := range c.server.Fronts(s.Name) {
			told.Fronts = append(told.Fronts, f.String())
		}
		a.Services = append(a.Services, told)
	}
	return a
}

func (c *controlled) Alerts() *alert.Alerts { return c.alerts }

func (c *controlled) Sessions() []proxy.View { return c.server.Sessions() }

func (c *controlled) Kill(id flow.SessionID) bool { return c.server.Kill(id) }

// Reload has the goroutine that obeys signals do it.
func (c *controlled) Reload(ctx context.Context) (string, error) {
	answer := make(chan reloadAnswer, 1)
	select {
	case c.reloads <- reloadRequest{answer}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	a := <-answer
	return a.source, a.err
}

func (c *controlled) Explain(id flow.SessionID) (rules.Explanation, bool) {
	_, set, _ := c.configured()
	for _, v := range c.server.Sessions() {
		if v.ID == id {
			return set.Explain(&flow.Facts{
				Service: v.Service, Peer: v.Peer, Origin: v.Origin, Sought: true, Time: time.Now(),
			}), true
		}
	}
	return rules.Explanation{}, false
}
