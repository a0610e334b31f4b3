package main

import (
	"context"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// heartbeatEvery is how far apart two heartbeats are: of a door that was killed a journal shows to that much when it
// was last there.
const heartbeatEvery = 5 * time.Minute

// heartbeat records again and again that the door is there, and how it does.
type heartbeat struct {
	beat   func() flow.Beat
	append func(flow.Record)
}

func (h *heartbeat) run(ctx context.Context) error {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			b := h.beat()
			h.append(flow.Record{Time: time.Now(), Event: flow.EventJournalHeartbeat, Beat: &b})
		}
	}
}

// beat is how the door does.
func (d *door) beat() flow.Beat {
	config, _, _ := d.configured()
	b := flow.Beat{Uptime: time.Since(d.started), Without: d.without(), Config: d.configHash()}
	for _, n := range d.server.Counts() {
		b.Open += n.Open
		b.Sessions += n.Opened
		for _, refused := range n.Refused {
			b.Refused += refused
		}
	}
	if d.journal != nil {
		b.Dropped = d.journal.Stats().Dropped
	}
	for i := range config.Services {
		b.Services = append(b.Services, config.Services[i].Name)
	}
	return b
}

// without is what this machine, or the rights of this process, do not let the door do; each in words.
func (d *door) without() []string {
	missing := d.peers.Missing()
	if d.resolver != nil {
		missing = append(missing, d.resolver.Missing()...)
	}
	return missing
}
