package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// handleOperations tells what sessions ask of their backends, as it happens.
func handleOperations(mux *http.ServeMux, d Door) {
	mux.HandleFunc("GET /v1/operations", func(w http.ResponseWriter, r *http.Request) {
		out := &streamed{w: w}
		if err := out.begin(); err != nil {
			return
		}
		var line []byte
		encoder := journal.NewEncoder()
		_ = d.FollowOperations(r.Context(), r.FormValue("service"), func(rec *flow.Record) error {
			var err error
			if line, err = encoder.Append(line[:0], flow.Identity{}, rec); err != nil {
				return err
			}
			_, err = out.Write(append(line, '\n'))
			return err
		}) // who has asked has left: nobody else needs to know
	})
}

// begin sends the head of the answer, so that who has asked knows that it is heard.
func (s *streamed) begin() error {
	s.begun = true
	s.w.WriteHeader(http.StatusOK)
	return http.NewResponseController(s.w).Flush()
}

// FollowOperations tells the operations of a service, or of all when none is named, until ctx ends or the door does.
// begun is called as soon as nothing that happens is missed.
func (c *Client) FollowOperations(ctx context.Context, service string, begun func(), tell func(*flow.Record) error) error {
	return c.follow(ctx, "/v1/operations?service="+url.QueryEscape(service), func(r io.Reader) error {
		begun()
		in := bufio.NewReader(r)
		for {
			line, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			e, err := journal.Decode(line[:len(line)-1])
			if err != nil {
				return err
			}
			if err := tell(&e.Record); err != nil {
				return err
			}
		}
	})
}
