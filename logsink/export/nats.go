package export

import (
	"context"
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// NATSConfig says where records are published, and how.
type NATSConfig struct {
	Settings NATSSettings
	From     From
	// Warn, which may be nil, is told when a record was too large for the server, and what stands in its place.
	Warn func(error)
}

// NATS is a destination that publishes all records of a journal to one subject of a stream of NATS JetStream: each of
// them once and in order, however long the server was away and however lodoor ended. The stream itself says what it
// has: see [NATS.Resume].
//
// It has one connection, which is made by Resume and given up with the first error: the library's own reconnecting, and
// its buffer of what could not be sent, are off.
type NATS struct {
	c    NATSConfig
	link *natsLink // nil until Resume
}

var errNATSUnresumed = errors.New("nats: there is no connection: Resume comes first")

// NewNATS returns a NATS that has not connected yet. The error says what is wrong with the settings.
func NewNATS(c NATSConfig) (*NATS, error) {
	if len(c.Settings.Servers) == 0 {
		return nil, errors.New("nats: servers: are missing: " + natsServerExpected)
	}
	if err := c.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("nats: %w", err)
	}
	c.Settings = c.Settings.withDefaults()
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	return &NATS{c: c}, nil
}

// Name is "nats".
func (n *NATS) Name() string { return "nats" }

// Wants is for everything: a chain with links left out could not be checked.
func (n *NATS) Wants(flow.Event) bool { return true }

// Resume connects anew and reads the last message of the journal's subject: its headers say the identity of the record,
// and its number in the stream is what the next message names as the one before it.
func (n *NATS) Resume(ctx context.Context, journal string) (flow.Identity, error) {
	n.drop()
	link, err := dialNATS(ctx, n.c.Settings, n.c.From.Version, journal)
	if err != nil {
		return flow.Identity{}, fmt.Errorf("nats: %w", err)
	}
	id, err := link.resume(ctx, n.c.Settings)
	if err != nil {
		link.close()
		return flow.Identity{}, fmt.Errorf("nats: %w", err)
	}
	n.link = link
	return id, nil
}

// Deliver publishes entries and waits until the stream has them. After an error Resume has to be asked.
func (n *NATS) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	if n.link == nil {
		return 0, errNATSUnresumed
	}
	taken, err := n.link.deliver(ctx, entries, n.message)
	if err != nil {
		n.drop()
		return taken, fmt.Errorf("nats: %w", err)
	}
	return taken, nil
}

// Close gives the connection up. It is for when no feed runs any more.
func (n *NATS) Close() error {
	n.drop()
	return nil
}

func (n *NATS) drop() {
	if n.link != nil {
		n.link.close()
		n.link = nil
	}
}
