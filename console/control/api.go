package control

import (
	"context"
	"encoding/json"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// Door is what commands can ask a door that runs.
type Door interface {
	Recorder
	About() About
	Status() Status
	Alerts() *alert.Alerts
	Sessions() []proxy.View
	// Kill ends a session and says whether there was one.
	Kill(id flow.SessionID) bool
	// Reload reads the configuration again and says where from; an error has changed nothing.
	Reload(ctx context.Context) (source string, err error)
	// Explain says what the rules, as they are now, decide on an open session's peer.
	Explain(id flow.SessionID) (e rules.Explanation, open bool)
	// FollowOperations tells what is asked of a service's backend, or of all when none is named, until ctx ends or tell
	// fails. Sessions that have begun before are told only where they are read along anyway.
	FollowOperations(ctx context.Context, service string, tell func(*flow.Record) error) error
}

// About is what a door says of itself.
type About struct {
	Instance string    `json:"instance"`
	PID      int       `json:"pid"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Source   string    `json:"source"`            // of the configuration: a file, or "flags"
	Journal  string    `json:"journal,omitempty"` // its directory; empty is none
	Services []Service `json:"services"`
}

// Service is one of a door's services.
type Service struct {
	Name    string   `json:"name"`
	Fronts  []string `json:"fronts"`
	Backend string   `json:"backend"`
}

// Session is an open session as it is told to commands.
type Session struct {
	// Record is what the journal's open record would say now, in the journal's own form.
	Record json.RawMessage `json:"record"`
	// Running says that the backend is connected.
	Running bool `json:"running"`
	// Leg is the backend connection's own address, which the backend's log shows as its client.
	Leg         string `json:"leg,omitempty"`
	FromClient  uint64 `json:"bytes_from_client"`
	FromBackend uint64 `json:"bytes_from_backend"`
}

// problem is the answer when something went wrong.
type problem struct {
	Error string `json:"error"`
}
