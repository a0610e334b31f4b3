// Package policy says what of a service is recorded. It is asked when a session opens.
package policy

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Plan is how a session is recorded. The zero Plan keeps everything, in a file, and never waits for the disk.
type Plan struct {
	// SnapPayload is how much of each packet's payload is kept, in bytes; 0 is all.
	SnapPayload int64
	// MaxPerSession is how much payload of a session is kept, in bytes; 0 is all.
	MaxPerSession int64
	// FrontOnly leaves the backend's leg out.
	FrontOnly bool
	// Ring keeps the last seconds in memory, and writes them only when somebody asks.
	Ring bool
	// Hold lets a session wait for a slow disk; otherwise what comes too fast is kept as its length.
	Hold bool
	// Redact is what is overwritten.
	Redact flow.Redaction
}

// When says whether a session is recorded. It is called on event loops: it must not wait. Nil is every session.
type When func(*flow.Facts) bool

// Standing is what the configuration says of a service.
type Standing struct {
	Service string
	When    When
	// NeedsProcess says that When reads the peer's process, which is found out only when somebody asks for it.
	NeedsProcess bool
	Plan         Plan
}

// Request asks for a recording for a while.
type Request struct {
	Service string
	When    When
	// Condition is When as the person wrote it; empty for every session.
	Condition    string
	NeedsProcess bool
	// Until is when it ends by itself; zero is not before it is stopped.
	Until time.Time
	// By and Reason say who wants it and what for; they are told, nothing depends on them.
	By, Reason string
	Plan       Plan
}

// Decision is how one session is recorded, and on whose behalf.
type Decision struct {
	Plan Plan
	// Recording is the temporary recording that the session belongs to; nil when the configuration wants it.
	Recording *Recording
}
