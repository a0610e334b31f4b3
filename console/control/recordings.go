package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Recorder is what commands can ask of a door's recordings.
type Recorder interface {
	// Recordings are those that go on, one for each service that is recorded.
	Recordings() []Recording
	// StartRecording records sessions of a service that begin from now on.
	StartRecording(r RecordingRequest) (Recording, error)
	// StopRecording ends what StartRecording began.
	StopRecording(service string) (Recording, error)
	// FlushRecording writes what the ring of a service holds, or of all services when none is named.
	FlushRecording(service, reason string) ([]Flushed, error)
	// FollowRecording writes a service's sessions that begin from now on to w as pcapng, until ctx ends.
	FollowRecording(ctx context.Context, service string, w io.Writer) error
}

// Recording is what a door tells of one that goes on.
type Recording struct {
	Service string `json:"service"`
	// Configured says that the configuration wants it; otherwise somebody began it.
	Configured bool      `json:"configured"`
	By         string    `json:"by,omitempty"`
	When       string    `json:"when,omitempty"`
	Until      time.Time `json:"until,omitzero"`
	Ring       bool      `json:"ring,omitempty"`
	Dir        string    `json:"dir"`
	// Redacts says in words what is overwritten.
	Redacts string `json:"redacts,omitempty"`
	// Sessions and Files are what came of one that has ended.
	Sessions uint64   `json:"sessions,omitempty"`
	Files    []string `json:"files,omitempty"`
}

// RecordingRequest is a recording that somebody wants.
type RecordingRequest struct {
	Service string        `json:"service"`
	By      string        `json:"by"`
	When    string        `json:"when,omitempty"` // an expression, as in a rule
	For     time.Duration `json:"for_ns,omitempty"`
}

// Flushed is a file that a ring was written to.
type Flushed struct {
	Service  string        `json:"service"`
	File     string        `json:"file"`
	Packets  uint64        `json:"packets"`
	Sessions uint64        `json:"sessions"`
	Reaches  time.Duration `json:"reaches_ns"` // how far back it reaches
}

// flushRequest asks for what a ring holds.
type flushRequest struct {
	Service string `json:"service"`
	Reason  string `json:"reason"`
}

// handleRecordings answers what commands ask of a door's recordings.
func handleRecordings(mux *http.ServeMux, d Door) {
	mux.HandleFunc("GET /v1/recordings", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.Recordings()) })
	mux.HandleFunc("POST /v1/recordings", asked(func(_ *http.Request, r RecordingRequest) (any, error) {
		return d.StartRecording(r)
	}))
	mux.HandleFunc("DELETE /v1/recordings/{service}", asked(func(r *http.Request, _ struct{}) (any, error) {
		return d.StopRecording(r.PathValue("service"))
	}))
	mux.HandleFunc("POST /v1/flush", asked(func(_ *http.Request, f flushRequest) (any, error) {
		return d.FlushRecording(f.Service, f.Reason)
	}))
	mux.HandleFunc("GET /v1/recordings/{service}/packets", func(w http.ResponseWriter, r *http.Request) {
		out := &streamed{w: w}
		err := d.FollowRecording(r.Context(), r.PathValue("service"), out)
		if err != nil && !out.begun {
			fail(w, http.StatusUnprocessableEntity, err)
		}
	})
}

// streamed is an answer that goes on: what is written goes out at once.
type streamed struct {
	w     http.ResponseWriter
	begun bool
}

func (s *streamed) Write(b []byte) (int, error) {
	s.begun = true
	n, err := s.w.Write(b)
	if err == nil {
		err = http.NewResponseController(s.w).Flush()
	}
	return n, err
}

// Recordings are those of the door that go on.
func (c *Client) Recordings(ctx context.Context) (all []Recording, err error) {
	return all, c.do(ctx, http.MethodGet, "/v1/recordings", nil, &all)
}

// StartRecording begins a recording. The error is a [*RejectedError] when the door does not want to, as with those of
// the functions below.
func (c *Client) StartRecording(ctx context.Context, r RecordingRequest) (begun Recording, err error) {
	return begun, c.do(ctx, http.MethodPost, "/v1/recordings", r, &begun)
}

// StopRecording ends a recording that somebody began.
func (c *Client) StopRecording(ctx context.Context, service string) (ended Recording, err error) {
	return ended, c.do(ctx, http.MethodDelete, "/v1/recordings/"+url.PathEscape(service), nil, &ended)
}

// FlushRecording has rings written; no service is all of them.
func (c *Client) FlushRecording(ctx context.Context, service, reason string) (files []Flushed, err error) {
	return files, c.do(ctx, http.MethodPost, "/v1/flush", flushRequest{service, reason}, &files)
}

// FollowRecording copies a service's packets to w until ctx ends or the door does.
func (c *Client) FollowRecording(ctx context.Context, service string, w io.Writer) error {
	return c.follow(ctx, "/v1/recordings/"+url.PathEscape(service)+"/packets", func(r io.Reader) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// follow reads an answer that goes on. That its reader has had enough, or that the door has ended, is no error.
func (c *Client) follow(ctx context.Context, path string, read func(io.Reader) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://door"+path, http.NoBody)
	if err != nil {
		return err
	}
	got, err := c.http.Do(r)
	if err != nil {
		return c.unanswered(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return c.refused(got)
	}
	if err := read(got.Body); err != nil && ctx.Err() == nil {
		return fmt.Errorf("follow the door at %s: %w", c.path, err)
	}
	return nil
}
