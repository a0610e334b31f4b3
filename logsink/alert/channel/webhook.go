package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	defaultGiveUp = 10 * time.Minute
	firstPause    = time.Second
	longestPause  = time.Minute
	longestAfter  = 5 * time.Minute // of a Retry-After
	maxAnswer     = 64 << 10        // bytes of an answer that are read
)

var errUnset = errors.New("it is no longer set")

// WebhookConfig says where alerts are posted, and how.
type WebhookConfig struct {
	// Target may be zero: then nothing is posted until [Webhook.Retarget].
	Target Target
	// Timeout of one attempt; 0 is 5 seconds.
	Timeout time.Duration
	// GiveUp is how old an alert may become before no other attempt is made; 0 is 10 minutes.
	GiveUp time.Duration
	// Host and Version are told to the receiver; an empty Host is this machine's name.
	Host, Version string
	// Warn, which may be nil, is told when deliveries begin to fail and when an alert is lost. It has no part of the
	// URL in it.
	Warn func(error)
	// Transport is for tests; nil is one that asks no proxy and keeps no connection open.
	Transport http.RoundTripper
}

// Webhook is a sink that posts alerts as JSON, one after another, and tries again for a while when that fails.
type Webhook struct {
	c      WebhookConfig
	client *http.Client
	target atomic.Pointer[Target]

	lost    uint64 // since the last delivery
	failing bool   // Warn knows
}

// NewWebhook returns a Webhook.
func NewWebhook(c WebhookConfig) (*Webhook, error) {
	if c.Timeout < 0 || c.GiveUp < 0 {
		return nil, fmt.Errorf("webhook: timeout %v and the time of giving up %v must not be negative", c.Timeout, c.GiveUp)
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.GiveUp == 0 {
		c.GiveUp = defaultGiveUp
	}
	if c.Host == "" {
		c.Host, _ = os.Hostname() // a machine without a name is left nameless
	}
	if c.Warn == nil {
		c.Warn = func(error) {}
	}
	if c.Transport == nil {
		c.Transport = transport()
	}
	w := &Webhook{c: c, client: &http.Client{
		Transport: c.Transport,
		Timeout:   c.Timeout,
		// Alerts go to where a person said, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	w.Retarget(c.Target)
	return w, nil
}

// transport opens no connection but to the target: it does not look at HTTPS_PROXY. Alerts are rare, so that a
// connection kept open would mostly be found closed.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:             nil,
		DialContext:       (&net.Dialer{}).DialContext,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
}

// Retarget makes the next attempt go to t. It may be called from any goroutine.
func (w *Webhook) Retarget(t Target) { w.target.Store(&t) }

// Name is "webhook".
func (w *Webhook) Name() string { return "webhook" }

// Wants is for alerts only.
func (w *Webhook) Wants(e flow.Event) bool { return e == flow.EventAlert }

// Consume delivers a batch; an alert that cannot be delivered is told to Warn and counted in the next delivery. The
// only error is that ctx is done.
func (w *Webhook) Consume(ctx context.Context, b flow.Batch) (int, error) {
	for i, e := range b.Entries {
		if e.Record.Alert == nil || w.target.Load().IsZero() {
			continue
		}
		err := w.deliver(ctx, e)
		if err != nil && ctx.Err() != nil {
			return i, ctx.Err()
		}
		if err != nil {
			w.lost++
			w.c.Warn(fmt.Errorf("webhook: an alert was not delivered: %w", err))
		}
	}
	if b.Missed > 0 && !w.target.Load().IsZero() {
		w.lost += b.Missed
		w.c.Warn(fmt.Errorf("webhook: %d alerts were not delivered: too many were waiting", b.Missed))
	}
	return len(b.Entries), nil
}

// deliver tries until the alert is taken, too old, or refused for good.
func (w *Webhook) deliver(ctx context.Context, e *flow.Entry) error {
	body, err := w.encode(e, w.lost)
	if err != nil {
		return err
	}
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err = w.post(ctx, body)
		if err == nil {
			w.lost, w.failing = 0, false
			return nil
		}
		wait, again := w.plan(err, pause)
		if !again || time.Since(e.Record.Time)+wait > w.c.GiveUp {
			return err
		}
		w.warnOnce(ctx, err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// plan says how long to wait before the next attempt, and whether there is one. The wait is between half and the whole
// of pause, so that many machines do not come back in one moment.
func (w *Webhook) plan(err error, pause time.Duration) (time.Duration, bool) {
	wait := pause/2 + rand.N(pause/2+1) //nolint:gosec // no secret
	if errors.Is(err, errUnset) {
		return 0, false
	}
	var answer *answerError
	if errors.As(err, &answer) {
		return max(wait, answer.after), !answer.final()
	}
	return wait, true
}

func (w *Webhook) warnOnce(ctx context.Context, err error) {
	if w.failing || ctx.Err() != nil {
		return
	}
	w.failing = true
	w.c.Warn(fmt.Errorf("webhook: %w; trying again", err))
}

// post makes one attempt.
func (w *Webhook) post(ctx context.Context, body []byte) error {
	target := w.target.Load()
	if target.IsZero() {
		return errUnset
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.url.String(), bytes.NewReader(body))
	if err != nil {
		return describe(err, w.c.Timeout)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "lodoor/"+w.c.Version)
	resp, err := w.client.Do(req)
	if err != nil {
		return describe(err, w.c.Timeout)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		// The answer is read so that the receiver can write it; what it says does not matter.
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
		return nil
	}
	return &answerError{code: resp.StatusCode, after: retryAfter(resp.Header)}
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestAfter)
}
