package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// RejectedError is a configuration that the door did not take.
type RejectedError struct{ Reason string }

func (e *RejectedError) Error() string { return e.Reason }

// ErrNotOpen says that the door has no such session.
var ErrNotOpen = errors.New("the session is not open")

// Client speaks to one door.
type Client struct {
	About // as it was when the door was found
	path  string
	http  *http.Client
}

// newClient makes a client of the door behind a socket.
func newClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		d := net.Dialer{Timeout: dialTimeout}
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Sessions are the open sessions, the oldest first.
func (c *Client) Sessions(ctx context.Context) (sessions []Session, err error) {
	return sessions, c.do(ctx, http.MethodGet, "/v1/sessions", nil, &sessions)
}

// Kill ends a session. The error is [ErrNotOpen] when there is none of that name.
func (c *Client) Kill(ctx context.Context, id flow.SessionID) error {
	return c.do(ctx, http.MethodDelete, "/v1/sessions/"+id.String(), nil, nil)
}

// Explain says what the door's rules decide on a session's peer now. The error is [ErrNotOpen] when there is none.
func (c *Client) Explain(ctx context.Context, id flow.SessionID) (e rules.Explanation, err error) {
	return e, c.do(ctx, http.MethodGet, "/v1/sessions/"+id.String()+"/rules", nil, &e)
}

// Reload has the door read its configuration again and says where from. The error is a [*RejectedError] when the door
// goes on with the old one.
func (c *Client) Reload(ctx context.Context) (source string, err error) {
	var said struct {
		Source string `json:"source"`
	}
	err = c.do(ctx, http.MethodPost, "/v1/reload", nil, &said)
	return said.Source, err
}

// do asks, sends what there is to send, and reads the answer.
func (c *Client) do(ctx context.Context, method, path string, send, into any) error {
	var body io.Reader = http.NoBody
	if send != nil {
		b, err := json.Marshal(send)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://door"+path, body)
	if err != nil {
		return err
	}
	got, err := c.http.Do(r)
	if err != nil {
		return c.unanswered(err)
	}
	defer got.Body.Close()
	switch {
	case got.StatusCode == http.StatusNotFound:
		return ErrNotOpen
	case got.StatusCode >= http.StatusBadRequest:
		return c.refused(got)
	case into == nil:
		return nil
	}
	if err := json.NewDecoder(got.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of the door at %s: %w", c.path, err)
	}
	return nil
}

// refused is the error that the door has answered with.
func (c *Client) refused(got *http.Response) error {
	var p problem
	if err := json.NewDecoder(got.Body).Decode(&p); err != nil || p.Error == "" {
		p.Error = got.Status
	}
	if got.StatusCode == http.StatusUnprocessableEntity {
		return &RejectedError{p.Error}
	}
	return fmt.Errorf("the door at %s: %s", c.path, p.Error)
}

// unanswered says in a person's words why there is no answer. The URL, of which HTTP's own errors speak, is nobody's
// affair.
func (c *Client) unanswered(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the door at %s does not answer: %w", c.path, err)
	}
	return fmt.Errorf("ask the door at %s: %w", c.path, err)
}
