package channel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// prefix stands before the kind of a channel in the names of deliveries, which are those of their cursors.
const prefix = "alert-"

// Delivery delivers alerts by one channel, one after another. It is a destination for a feed of the journal; without a
// journal see [Direct].
type Delivery struct {
	name    string
	host    flow.Host
	version string
	warn    func(error)
	begun   time.Time
	outlet  atomic.Pointer[outlet] // nil when it was taken out of the configuration

	lost        atomic.Uint64 // since the start
	undelivered uint64        // since the last delivery
}

// outlet is the part of a channel that a reload replaces.
type outlet struct {
	sender sender
	giveUp time.Duration
}

// Name is "alert-webhook", "alert-command", "alert-mail", "alert-chat", or "alert-chat-2" and so on.
func (d *Delivery) Name() string { return d.name }

// Wants is for alerts only.
func (d *Delivery) Wants(e flow.Event) bool { return e == flow.EventAlert }

// Lost is how many alerts could not be delivered since the start. It may be called from any goroutine.
func (d *Delivery) Lost() uint64 { return d.lost.Load() }

// Deliver makes one attempt at the first alert that is to be delivered, and returns behind it. What is refused for good or
// has become too old is told, and done. An error is that the alert has to come again; it may be a [journal.Waiter].
func (d *Delivery) Deliver(ctx context.Context, entries []journal.Entry) (int, error) {
	for i := range entries {
		tried, err := d.attempt(ctx, entries[i].Identity, &entries[i].Record)
		if err != nil {
			return i, err
		}
		if tried {
			return i + 1, nil
		}
	}
	return len(entries), nil
}

// attempt makes one attempt at a record. tried is false when there was nothing to deliver.
func (d *Delivery) attempt(ctx context.Context, id flow.Identity, r *flow.Record) (tried bool, err error) {
	out := d.outlet.Load()
	if out == nil || r.Alert == nil || r.Alert.Silenced {
		return false, nil
	}
	m, err := d.compose(id, r, d.undelivered)
	if err == nil {
		err = out.sender.send(ctx, m)
	}
	var some partial
	switch {
	case err == nil:
		d.undelivered = 0
		return true, nil
	case errors.As(err, &some):
		d.undelivered = 0
		d.warn(fmt.Errorf("%s: an alert was delivered in part: %w", d.kind(), err))
		return true, nil
	case ctx.Err() != nil:
		return true, fmt.Errorf("%s: %w", d.kind(), ctx.Err())
	case !isFinal(err) && d.age(r) <= out.giveUp:
		return true, fmt.Errorf("%s: %w", d.kind(), err)
	}
	d.lose(1, err)
	return true, nil
}

// age is how long lodoor has been trying, or could have been: what was raised before it was started has all the time
// again.
func (d *Delivery) age(r *flow.Record) time.Duration {
	if r.Time.Before(d.begun) {
		return time.Since(d.begun)
	}
	return time.Since(r.Time)
}

// lose tells of alerts that are not delivered, here and in the next delivery.
func (d *Delivery) lose(n uint64, err error) {
	d.undelivered += n
	d.lost.Add(n)
	what := "an alert was"
	if n > 1 {
		what = fmt.Sprintf("%d alerts were", n)
	}
	d.warn(fmt.Errorf("%s: %s not delivered: %w", d.kind(), what, err))
}

func (d *Delivery) kind() string { return strings.TrimPrefix(d.name, prefix) }
