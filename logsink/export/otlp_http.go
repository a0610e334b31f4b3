package export

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	longestAfter = 5 * time.Minute // of a Retry-After
	maxAnswer    = 64 << 10        // bytes of an answer that are read
)

// courier carries the SDK's requests, one at a time, and remembers what was answered, which the SDK's errors do not
// tell. It sends them nowhere but to its URL: what OTEL_… variables say to the SDK does not matter.
type courier struct {
	transport *http.Transport
	url       *url.URL
	headers   string // file
	last      answer
}

// answer is what the receiver said; the zero answer is that it did not say anything.
type answer struct {
	status int
	after  time.Time // not to be asked again before
	body   []byte    // its beginning
}

// newCourier carries to a signal's path below the endpoint.
func newCourier(s OTLPSettings, path string) (*courier, error) {
	u, err := parseEndpoint(s.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	config, err := s.config("")
	if err != nil {
		return nil, err
	}
	proxy, err := s.proxy()
	if err != nil {
		return nil, err
	}
	c := &courier{url: u.JoinPath(path), headers: s.HeadersFile}
	if _, err := readHeaders(s.HeadersFile); err != nil {
		return nil, err
	}
	c.transport = &http.Transport{
		Proxy:                 http.ProxyURL(proxy), // nil is none
		DialContext:           (&net.Dialer{}).DialContext,
		TLSClientConfig:       config,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          1,
		IdleConnTimeout:       defaultInterval + minInterval,
		ExpectContinueTimeout: time.Second,
	}
	return c, nil
}

// client asks one request at a time. Records go to where a person said, so that a redirect is an answer like any other.
func (c *courier) client(timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     c,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends the request with the headers of the file, and keeps the answer.
func (c *courier) RoundTrip(r *http.Request) (*http.Response, error) {
	c.last = answer{}
	headers, err := readHeaders(c.headers)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL, r.Host = c.url, ""
	for name, values := range headers {
		r.Header[name] = values
	}
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	c.last = answer{status: resp.StatusCode, after: retryAfter(resp.Header, time.Now()), body: body}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// closeBody does what the transport would have done.
func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // of bytes in memory
	}
}

func (c *courier) close() { c.transport.CloseIdleConnections() }

// wait waits until the receiver may be asked again.
func (c *courier) wait(ctx context.Context) error {
	pause := time.Until(c.last.after)
	if pause <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads a Retry-After (RFC 9110, section 10.2.3): seconds, or a date.
func retryAfter(h http.Header, now time.Time) time.Time {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return now.Add(min(time.Duration(seconds)*time.Second, longestAfter))
	}
	date, err := http.ParseTime(text)
	if err != nil || date.Before(now) {
		return time.Time{}
	}
	return now.Add(min(date.Sub(now), longestAfter))
}
