// Package lane moves the bytes of sessions between two connected sockets.
//
// A lane is one way of doing that. All of them obey one contract, held by the suite in lanetest: every byte in order,
// half-close and reset passed both ways, urgent bytes in line, memory bounded by what is in flight.
package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Lane moves the bytes of sessions.
type Lane interface {
	// Name is what session.lane says.
	Name() string
	// Start begins to move bytes between the two ends of p and returns at once. The lane owns both ends from then on:
	// it closes them, and only then calls done, exactly once. done may be called on a goroutine that other sessions
	// need and must not block.
	Start(p Pair, done func(flow.Outcome)) Control
	// Close waits until every session that was started has called done. It ends none of them.
	Close() error
}

// Control is the hold that somebody else keeps on a running session.
type Control interface {
	// Kill ends the session with a reset on both legs. done says end, by lodoor, unless the session was over before.
	Kill(end flow.End)
	// Counts are the bytes read from each side so far.
	Counts() (fromClient, fromBackend uint64)
}

// Pair is the two ends of a session, and how it is to be run.
type Pair struct {
	Client, Backend *Socket
	// Accepted is when the session began, with a monotonic reading; Outcome's durations count from it.
	Accepted time.Time
	// Idle ends the session when nothing moved in either direction for so long; 0 is never.
	Idle time.Duration
	// FirstByte ends the session when the client sent nothing for so long after Accepted; 0 is never.
	FirstByte time.Duration
	// Tap sees the bytes of both directions; nil is nobody.
	Tap Tap
}

// Tap sees the bytes of one session; see [flow.Tap] for what a lane owes it.
type Tap = flow.Tap
