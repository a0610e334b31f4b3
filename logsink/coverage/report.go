package coverage

import (
	"time"
)

// Kind is the reason for a gap.
type Kind string

// The kinds.
const (
	Off       Kind = "off"        // lodoor was ended in order and not yet started again
	Died      Kind = "died"       // lodoor wrote nothing more and did not say that it ends
	NotServed Kind = "not_served" // lodoor ran, and its configuration did not have the service
	NotTold   Kind = "not_told"   // lodoor ran; the journal does not tell which services it served
	Dropped   Kind = "dropped"    // records of this time are not in the journal
	NotBegun  Kind = "not_begun"  // the journal begins later
	Erased    Kind = "erased"     // the records of this time were erased
)

// Gap is a time of which there is no proof.
type Gap struct {
	Kind Kind `json:"kind"`
	// From belongs to the gap, To does not. Of what was dropped they may be the same.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Took is the time between them, in nanoseconds.
	Took time.Duration `json:"duration_ns"`
	// Records is how many were dropped.
	Records uint64 `json:"records,omitempty"`
	// Reason is what the journal says of it, in words.
	Reason string `json:"reason,omitempty"`
}

// Count is a number of connections with something in common.
type Count struct {
	Cause string `json:"cause"`
	Count uint64 `json:"count"`
}

// Service is what the journal proves of one service in the period.
type Service struct {
	Name string `json:"name"`
	// Covered is how much of the period is in no gap, in nanoseconds.
	Covered time.Duration `json:"covered_ns"`
	// Gaps are in the order of time. They overlap where records were dropped.
	Gaps []Gap `json:"gaps"`
	// Sessions were opened in the period; Observed are those of them that only the observe mode has let in, Gated those
	// that a gate has refused later.
	Sessions uint64 `json:"sessions"`
	Observed uint64 `json:"observed"`
	Gated    uint64 `json:"gated"`
	// Refused is how many connections were not let in; Refusals are the same by cause, the most first.
	Refused  uint64  `json:"refused"`
	Refusals []Count `json:"refusals"`
}

// Config is a configuration that was in force in the period.
type Config struct {
	Hash   string `json:"hash"`
	Source string `json:"source"`
	// From is when it was loaded, which may be before the period.
	From time.Time `json:"from"`
}

// Verified is what journal.Verify found.
type Verified struct {
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
	// First and Last are the numbers of the first and the last record, Records is how many there are.
	Records uint64 `json:"records"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	// Erased is how many records retention has erased, Dropped how many could not be written.
	Erased  uint64 `json:"erased"`
	Dropped uint64 `json:"dropped"`
	// SetAside are files with what was no record.
	SetAside []string `json:"set_aside,omitempty"`
	// Running says that a process writes the journal; Writer is its number, 0 when that cannot be told.
	Running bool `json:"running"`
	Writer  int  `json:"writer,omitempty"`
}

// Report is what a journal proves.
type Report struct {
	Dir     string `json:"dir,omitempty"`
	Journal string `json:"journal"` // its id
	// Since belongs to the period, Until does not.
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// Covered says that there is no gap, of one service at least, and that the journal is whole.
	Covered  bool      `json:"covered"`
	Verify   Verified  `json:"verify"`
	Services []Service `json:"services"`
	Configs  []Config  `json:"configurations"`
}
