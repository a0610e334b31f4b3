package control

import (
	"context"
	"net/http"
	"time"
)

// Status is how a door does.
type Status struct {
	Instance string    `json:"instance"`
	Now      time.Time `json:"now"` // by the door's clock
	Started  time.Time `json:"started"`
	// Services are all that there were since the start; those that a reload took away have no fronts.
	Services []ServiceStatus `json:"services"`
	Journal  *JournalStatus  `json:"journal,omitempty"` // nil: --journal off
	// Recording is how the recorder does; nil when nothing was to be recorded since the start.
	Recording  *RecordingStatus  `json:"recording,omitempty"`
	Operations *OperationsStatus `json:"operations,omitempty"` // nil: none were read
	Sinks      []SinkStatus      `json:"sinks"`
	Feeds      []FeedStatus      `json:"feeds"`
	// Without is what this machine, or the rights of the door, do not let it do; each in words.
	Without []string `json:"without,omitempty"`
}

// ServiceStatus are a service's counts since the start.
type ServiceStatus struct {
	Service
	Open             uint64            `json:"open"`
	Opened           uint64            `json:"opened"`
	Refused          map[string]uint64 `json:"refused,omitempty"` // by cause
	Undialled        uint64            `json:"backend_failures"`
	BytesFromClient  uint64            `json:"bytes_from_client"`  // of sessions that are over
	BytesFromBackend uint64            `json:"bytes_from_backend"` // of sessions that are over
}

// RecordingStatus is how the recorder does; counts are since the start, sizes in bytes.
type RecordingStatus struct {
	Dir string `json:"dir"`
	// Active are the recordings that go on.
	Active   []Recording `json:"active"`
	Sessions uint64      `json:"sessions"`
	Missed   uint64      `json:"missed"` // sessions that were to be recorded and could not
	Files    uint64      `json:"files"`
	Kept     uint64      `json:"bytes_kept"`     // of sessions that are over
	NotKept  uint64      `json:"bytes_not_kept"` // of them, recorded as lengths
	Lost     uint64      `json:"bytes_lost"`     // kept, and lost because the disk failed
	Used     int64       `json:"bytes_used"`     // of all recordings
	Max      int64       `json:"bytes_max"`
	Failed   bool        `json:"failed"`
}

// OperationsStatus is what became of the operations that were read since the start.
type OperationsStatus struct {
	Seen     uint64 `json:"seen"`
	Recorded uint64 `json:"recorded"`
	Dropped  uint64 `json:"dropped"` // for which there was no room
}

// JournalStatus is how the journal does.
type JournalStatus struct {
	Dir        string `json:"dir"`
	ID         string `json:"id"`
	Durability string `json:"durability"`
	OnFull     string `json:"on_full"`
	Written    uint64 `json:"written"` // records since the start
	Dropped    uint64 `json:"dropped"` // records that are not in it
	Bytes      uint64 `json:"bytes"`   // written since the start
	Error      string `json:"error,omitempty"`
}

// SinkStatus is how a sink that is fed from memory does.
type SinkStatus struct {
	Name      string `json:"name"`
	Delivered uint64 `json:"delivered"`
	Dropped   uint64 `json:"dropped"`
	Queued    uint64 `json:"queued"`
	Ended     bool   `json:"ended"`
}

// FeedStatus is how far something is that is fed from the journal.
type FeedStatus struct {
	Name      string        `json:"name"`
	Delivered uint64        `json:"delivered"` // records since the start
	Skipped   uint64        `json:"skipped"`   // records that were erased before they were delivered
	Seq       uint64        `json:"seq"`       // the last record that was delivered or passed
	Behind    uint64        `json:"behind"`    // records of the journal after it
	Lag       time.Duration `json:"lag_ns"`    // how long the oldest of them has been waiting
	Error     string        `json:"error,omitempty"`
	Since     *time.Time    `json:"failing_since,omitempty"`
}

// Status says how the door does.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
}
