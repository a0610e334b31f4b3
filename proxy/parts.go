package proxy

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// Identifier examines accepted sockets: what kind of place the peer is at, whether it is proven to be on this host,
// and who is behind it.
type Identifier interface {
	// Prepare sets on a listening socket, before it listens, what Identify needs on accepted ones. fd is the socket;
	// network is tcp4, tcp6 or unix.
	Prepare(fd uintptr, network string) error
	// Identify never fails: what could not be found out is unknown. The lead is what the peer's process can be looked for
	// by.
	Identify(s *lane.Socket) (flow.Peer, flow.Origin, flow.Lead)
}

// Resolver looks for the processes behind peers.
type Resolver interface {
	// Seek begins to look for the process that the lead leads to, and returns at once. The answer is known plus what was
	// found, or known itself, and comes at the deadline at the latest.
	Seek(l flow.Lead, known flow.Origin, deadline time.Time, by flow.Seeker)
}

// Rules decide. Decide is pure and never waits; it answers [flow.Need] only while the process was not sought.
type Rules interface {
	Decide(f *flow.Facts) flow.Verdict
	// ProcessWait is how long a session waits for the peer's process when Decide needs it.
	ProcessWait() time.Duration
}

// Header reads the header in which a trusted peer says for whom it speaks (PROXY protocol).
type Header interface {
	// Trust says whether the peer may say it; it answers [flow.Need] only while the process was not sought.
	Trust(f *flow.Facts) flow.Verdict
	// Timeout is how long the header may take to come.
	Timeout() time.Duration
	// Missing is how many bytes the header has at least beyond b, its beginning; at least 1.
	Missing(b []byte) int
	// Parse reads a header. n is its length; 0 when more of it has to come. The answer is nil when the header conveys
	// nobody, as of a proxy's own health check.
	Parse(b []byte, from *flow.Peer) (n int, c *flow.Conveyed, err error)
	// Unasked makes the gate of a front of the service at which no header is asked for: it refuses a header, and hands
	// on to next, which may be nil, what is none.
	Unasked(next flow.Gate) flow.Gate
}

// Log takes records. Append never waits for the disk; done, which may be nil, is called once the promised durability
// is reached or cannot be, on a goroutine that other records need: it must not block.
type Log interface {
	Append(r flow.Record, done func(flow.Identity, error))
	// Add is Append by an event loop that writes what was added itself, at the end of its turn: whoever makes the loop
	// lane sees to that ([lane.LoopConfig]).
	Add(r flow.Record, done func(flow.Identity, error))
}

// Tapper has sessions read along.
type Tapper interface {
	// Wants says, without a cost worth speaking of, whether any session of the service may be read along; Tap is asked of no
	// other.
	Wants(service string) bool
	// NeedsProcess says whether Tap has to know the peer's process of a session of the service, if it can be found.
	NeedsProcess(service string) bool
	// Tap makes the tap of a session from what its open record says, before the backend is dialled; nil is none.
	Tap(open *flow.Record) flow.SessionTap
}
