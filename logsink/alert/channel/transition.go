package channel

import (
	"context"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// WebhookConfig is what cmd/lodoor says until it takes [New].
type WebhookConfig struct {
	Target  Target
	Timeout time.Duration
	Version string
	Warn    func(error)
}

// Webhook is a webhook alone, fed from memory, until cmd/lodoor takes [New].
type Webhook struct {
	sink *Sink
	c    WebhookConfig
}

// NewWebhook returns a Webhook.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	d := &Delivery{name: prefix + "webhook", host: thisHost(flow.Host{}), version: c.Version, warn: c.Warn, begun: time.Now()}
	w := &Webhook{Direct(d), c}
	w.Retarget(c.Target)
	return w, nil
}

// Retarget makes the next attempt go to t.
func (w *Webhook) Retarget(t Target) {
	if t.IsZero() {
		w.sink.d.outlet.Store(nil)
		return
	}
	s := Settings{Timeout: w.c.Timeout}
	w.sink.d.outlet.Store(&outlet{webhookTo(t, s, w.c.Version), s.giveUp()})
}

// Name is "webhook".
func (w *Webhook) Name() string { return w.sink.d.kind() }

// Wants is for alerts only.
func (w *Webhook) Wants(e flow.Event) bool { return w.sink.Wants(e) }

// Consume delivers a batch.
func (w *Webhook) Consume(ctx context.Context, b flow.Batch) (int, error) {
	return w.sink.Consume(ctx, b)
}
