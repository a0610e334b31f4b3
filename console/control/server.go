package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Serve answers on a control socket until ctx ends, and closes it.
func Serve(ctx context.Context, l *net.UnixListener, d Door) error {
	server := &http.Server{Handler: Handler(d), ReadHeaderTimeout: dialTimeout, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(guarded{l, os.Geteuid()}) }()
	select {
	case err := <-ended:
		return fmt.Errorf("control socket: %w", err)
	case <-ctx.Done():
	}
	_ = server.Close() // nobody is told more of a door that is shut
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// Handler answers what commands ask.
func Handler(d Door) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/door", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.About()) })
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.Status()) })
	mux.HandleFunc("GET /v1/sessions", func(w http.ResponseWriter, _ *http.Request) {
		sessions, err := shown(d.Sessions())
		if err != nil {
			fail(w, http.StatusInternalServerError, err)
			return
		}
		answer(w, sessions)
	})
	mux.HandleFunc("DELETE /v1/sessions/{id}", ofSession(func(w http.ResponseWriter, id flow.SessionID) bool {
		if !d.Kill(id) {
			return false
		}
		w.WriteHeader(http.StatusNoContent)
		return true
	}))
	mux.HandleFunc("GET /v1/sessions/{id}/rules", ofSession(func(w http.ResponseWriter, id flow.SessionID) bool {
		e, open := d.Explain(id)
		if open {
			answer(w, e)
		}
		return open
	}))
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		source, err := d.Reload(r.Context())
		if err != nil {
			fail(w, http.StatusUnprocessableEntity, err)
			return
		}
		answer(w, map[string]string{"source": source})
	})
	handleAlerts(mux, d)
	handleRecordings(mux, d)
	handleOperations(mux, d)
	return mux
}

// ofSession reads the session's name from the path; f says whether there is such a session.
func ofSession(f func(http.ResponseWriter, flow.SessionID) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var id flow.SessionID
		if err := id.UnmarshalText([]byte(r.PathValue("id"))); err != nil {
			fail(w, http.StatusBadRequest, err)
		} else if !f(w, id) {
			fail(w, http.StatusNotFound, fmt.Errorf("session %s is not open", id.Short()))
		}
	}
}

// shown turns views into what commands are told.
func shown(views []proxy.View) ([]Session, error) {
	sessions, encoder := make([]Session, 0, len(views)), journal.NewEncoder()
	for i := range views {
		v := &views[i]
		record, err := encoder.Append(nil, flow.Identity{}, &flow.Record{
			Time: v.Accepted, Event: flow.EventSessionOpen, Service: v.Service, Session: v.ID,
			Peer: &v.Peer, Origin: &v.Origin, Backend: &v.Backend,
		})
		if err != nil {
			return nil, fmt.Errorf("tell session %s: %w", v.ID, err)
		}
		s := Session{Record: record, Running: v.Running, FromClient: v.FromClient, FromBackend: v.FromBackend}
		if v.Leg.IsValid() {
			s.Leg = v.Leg.String()
		}
		sessions = append(sessions, s)
	}
	return sessions, nil
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // who has asked has left: nobody else needs to know
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{err.Error()})
}
