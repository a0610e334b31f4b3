package channel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	firstPause   = time.Second
	longestPause = time.Minute
)

var errTooMany = errors.New("too many were waiting")

// Sink feeds a Delivery from memory, for a lodoor without a journal. What waits when lodoor ends is lost.
type Sink struct {
	d       *Delivery
	failing bool // it was told
}

// Direct returns a sink of the log that delivers as a feed of the journal does: it tries again after pauses.
func Direct(d *Delivery) *Sink { return &Sink{d: d} }

// Name is that of the delivery.
func (s *Sink) Name() string { return s.d.Name() }

// Wants is for alerts only.
func (s *Sink) Wants(e flow.Event) bool { return s.d.Wants(e) }

// Consume delivers a batch. The only error is that ctx is done.
func (s *Sink) Consume(ctx context.Context, b flow.Batch) (int, error) {
	for i, e := range b.Entries {
		if err := s.deliver(ctx, e); err != nil {
			return i, err
		}
	}
	if b.Missed > 0 && s.d.outlet.Load() != nil {
		s.d.lose(b.Missed, errTooMany)
	}
	return len(b.Entries), nil
}

// deliver tries until the alert is taken, too old, or refused for good.
func (s *Sink) deliver(ctx context.Context, e *flow.Entry) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		_, err := s.d.attempt(ctx, e.ID, e.Record)
		if err == nil {
			s.failing = false
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !s.failing {
			s.failing = true
			s.d.warn(fmt.Errorf("%w; trying again", err))
		}
		select {
		case <-time.After(wait(err, pause)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait is between half and the whole of pause, so that many machines do not come back in one moment, or as long as the
// receiver asked for.
func wait(err error, pause time.Duration) time.Duration {
	random := pause/2 + rand.N(pause/2+1) //nolint:gosec // no secret
	var told journal.Waiter
	if errors.As(err, &told) {
		return max(random, told.RetryAfter())
	}
	return random
}
