package channel

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	longestAfter = 5 * time.Minute // of a Retry-After
	maxAnswer    = 64 << 10        // bytes of an answer that are read

	timestampHeader = "X-Lodoor-Timestamp"
	signatureHeader = "X-Lodoor-Signature"
)

// webhook posts alerts as JSON.
type webhook struct {
	target  Target
	secret  string // of the signature; empty is none
	agent   string
	timeout time.Duration
	client  *http.Client
}

func newWebhook(s Settings, version string) (*webhook, []string, error) {
	target, warnings, err := s.Target()
	if err != nil {
		return nil, nil, err
	}
	w := &webhook{
		target: target, agent: "lodoor/" + version, timeout: s.timeout(),
		client: &http.Client{Transport: strictTransport(), Timeout: s.timeout(), CheckRedirect: noRedirect},
	}
	if s.WebhookSecretFile == "" {
		return w, warnings, nil
	}
	var warned []string
	if w.secret, warned, err = line("webhook_secret_file", s.WebhookSecretFile); err != nil {
		return nil, nil, err
	}
	return w, append(warnings, warned...), nil
}

// noRedirect has alerts go to where a person said, and nowhere else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// strictTransport opens no connection but to the target: it does not look at HTTPS_PROXY. Alerts are rare, so that a
// connection kept open would mostly be found closed.
func strictTransport() *http.Transport {
	return &http.Transport{
		Proxy:             nil,
		DialContext:       (&net.Dialer{}).DialContext,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}
}

// send posts a message once.
func (w *webhook) send(ctx context.Context, m *message) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.target.url.String(), bytes.NewReader(m.body))
	if err != nil {
		return describe(err, w.timeout)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", w.agent)
	if w.secret != "" {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		req.Header.Set(timestampHeader, stamp)
		req.Header.Set(signatureHeader, sign(w.secret, stamp, m.body))
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return describe(err, w.timeout)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		// The answer is read so that the receiver can write it; what it says does not matter.
		_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
		return nil
	}
	return &answerError{code: resp.StatusCode, after: retryAfter(resp.Header)}
}

// sign says that whoever sent the body knows the secret. The time is in it, so that a delivery that was listened to cannot
// be sent again later.
func sign(secret, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// retryAfter reads a Retry-After in seconds; RFC 9110 also has dates, which are taken for none.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, longestAfter)
}
