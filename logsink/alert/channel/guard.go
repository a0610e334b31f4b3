package channel

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// guard stands where the chat services send: they use [http.DefaultTransport], with no context and mostly no timeout,
// follow redirects, ask the environment for a proxy, and hide the answer's status in words that may have the URL in
// them. With the guard there, a delivery ends in time, goes only where the URL says, is one attempt and not the service's
// several, and what became of it is known.
type guard struct {
	strict http.RoundTripper
	others http.RoundTripper // for requests that are no delivery's

	turn sync.Mutex // one delivery at a time

	mu  sync.Mutex
	now *errand // nil when there is none
}

// errand is a delivery under way.
type errand struct {
	ctx     context.Context // a chat service takes none
	timeout time.Duration
	failure error // of its first request that failed
}

// guardDefault makes the default transport a guard. It has to be called before anything is sent by that.
func guardDefault() {
	if _, ok := http.DefaultTransport.(*guard); !ok {
		http.DefaultTransport = &guard{strict: strictTransport(), others: http.DefaultTransport}
	}
}

// during has f send one message, and says what became of it.
func (g *guard) during(ctx context.Context, timeout time.Duration, f func() error) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	e := &errand{ctx: ctx, timeout: timeout}
	g.set(e)
	said := f()
	g.set(nil)
	switch {
	case e.failure != nil:
		return e.failure
	case said != nil:
		return refusal{errRefused} // no answer told of a failure: its words did, or the message was not even sent
	default:
		return nil
	}
}

func (g *guard) set(e *errand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = e
}

// look returns what is under way, and the failure that it has had.
func (g *guard) look() (*errand, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now == nil {
		return nil, nil
	}
	return g.now, g.now.failure
}

func (g *guard) fail(e *errand, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.failure == nil {
		e.failure = err
	}
	return err
}

// RoundTrip sends a request of a delivery under the delivery's rules, and others as before.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	e, failure := g.look()
	switch {
	case e == nil:
		return g.others.RoundTrip(r)
	case failure != nil: // the service tries again by itself
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, failure
	}
	both, cancel := context.WithCancel(e.ctx) // ends with the delivery at the latest
	context.AfterFunc(r.Context(), cancel)
	resp, err := g.strict.RoundTrip(r.WithContext(both))
	if err != nil {
		return nil, g.fail(e, describe(err, e.timeout))
	}
	if resp.StatusCode/100 != 2 {
		err = g.fail(e, &answerError{code: resp.StatusCode, after: retryAfter(resp.Header)})
	}
	if resp.StatusCode/100 == 3 {
		return nil, errors.Join(err, resp.Body.Close())
	}
	resp.Body = bounded{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// bounded is an answer of which not all is read.
type bounded struct {
	io.Reader
	io.Closer
}
