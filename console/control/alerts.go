package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
)

// maxAsked is how long what a command sends may be, in bytes.
const maxAsked = 64 << 10

// Alerts are a door's alerts, as commands are told of them.
type Alerts struct {
	Active   []alert.Status  `json:"active"`
	Silences []alert.Silence `json:"silences"`
	// Learning is until when programs are learned, or were; zero when they never were.
	Learning time.Time     `json:"learning,omitzero"`
	Programs []alert.Known `json:"programs"`
}

// by says who asks.
type by struct {
	By string `json:"by"`
}

// span is a length of time.
type span struct {
	For time.Duration `json:"for_ns"`
}

// forgotten is how many programs were.
type forgotten struct {
	Programs int `json:"programs"`
}

// handleAlerts answers what commands ask of a door's alerts.
func handleAlerts(mux *http.ServeMux, d Door) {
	mux.HandleFunc("GET /v1/alerts", func(w http.ResponseWriter, _ *http.Request) {
		a := d.Alerts()
		answer(w, Alerts{a.Active(), a.Silences(), a.Learning(), a.Programs()})
	})
	mux.HandleFunc("POST /v1/alerts/{id}/ack", asked(func(r *http.Request, who by) (any, error) {
		return nil, d.Alerts().Ack(r.PathValue("id"), who.By)
	}))
	mux.HandleFunc("POST /v1/silences", asked(func(_ *http.Request, s alert.Silence) (any, error) {
		return d.Alerts().Silence(s)
	}))
	mux.HandleFunc("DELETE /v1/silences/{id}", asked(func(r *http.Request, _ struct{}) (any, error) {
		return nil, d.Alerts().Unsilence(r.PathValue("id"))
	}))
	mux.HandleFunc("POST /v1/learning", asked(func(_ *http.Request, s span) (any, error) {
		return nil, d.Alerts().Learn(s.For)
	}))
	mux.HandleFunc("DELETE /v1/programs", asked(func(r *http.Request, _ struct{}) (any, error) {
		n, err := d.Alerts().Forget(r.FormValue("service"), r.FormValue("program"))
		return forgotten{n}, err
	}))
	mux.HandleFunc("POST /v1/test", asked(func(*http.Request, struct{}) (any, error) {
		return map[string]string{"id": d.Alerts().Test()}, nil
	}))
}

// asked reads what a command sends and does it. What cannot be done is the command's mistake.
func asked[T any](do func(*http.Request, T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var what T
		if r.ContentLength != 0 {
			d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAsked))
			d.DisallowUnknownFields()
			if err := d.Decode(&what); err != nil {
				fail(w, http.StatusBadRequest, fmt.Errorf("read what is asked: %w", err))
				return
			}
		}
		said, err := do(r, what)
		switch {
		case err != nil:
			fail(w, http.StatusUnprocessableEntity, err)
		case said == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			answer(w, said)
		}
	}
}

// Alerts are the door's alerts and silences, and the programs that it knows.
func (c *Client) Alerts(ctx context.Context) (a Alerts, err error) {
	return a, c.do(ctx, http.MethodGet, "/v1/alerts", nil, &a)
}

// Ack says that somebody knows of an alert; id may be the beginning of its own. The error is a [*RejectedError] when it
// cannot be, as with those of the functions below.
func (c *Client) Ack(ctx context.Context, id, who string) error {
	return c.do(ctx, http.MethodPost, "/v1/alerts/"+url.PathEscape(id)+"/ack", by{who}, nil)
}

// Silence keeps alerts from being delivered for a while.
func (c *Client) Silence(ctx context.Context, s alert.Silence) (begun alert.Silence, err error) {
	return begun, c.do(ctx, http.MethodPost, "/v1/silences", s, &begun)
}

// Unsilence ends a silence.
func (c *Client) Unsilence(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/silences/"+url.PathEscape(id), nil, nil)
}

// Learn has programs learned for a while.
func (c *Client) Learn(ctx context.Context, d time.Duration) error {
	return c.do(ctx, http.MethodPost, "/v1/learning", span{d}, nil)
}

// Forget makes programs new again, and says how many they were.
func (c *Client) Forget(ctx context.Context, service, program string) (int, error) {
	var said forgotten
	query := url.Values{"service": {service}, "program": {program}}
	err := c.do(ctx, http.MethodDelete, "/v1/programs?"+query.Encode(), nil, &said)
	return said.Programs, err
}

// TestAlert has an alert made that says only that it is one, and returns its id.
func (c *Client) TestAlert(ctx context.Context) (string, error) {
	var said struct {
		ID string `json:"id"`
	}
	err := c.do(ctx, http.MethodPost, "/v1/test", nil, &said)
	return said.ID, err
}
