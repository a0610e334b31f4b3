package policy

import (
	"sync/atomic"
	"time"
)

// Recording is a temporary one: somebody asked for it on a running door. Any goroutine may ask it.
type Recording struct {
	// ID is its number, 1 for the first of a table.
	ID uint64
	Request
	Started time.Time

	stopped  atomic.Bool
	finished atomic.Bool
	sessions atomic.Uint64
}

// Over says whether it has ended at a time: it was stopped, or its time is up. Nothing more of its sessions is kept then,
// also of those that still run.
func (r *Recording) Over(now time.Time) bool {
	return r.stopped.Load() || !r.Until.IsZero() && !now.Before(r.Until)
}

// Finish says that its files are finished: what is still told of its sessions comes too late for them.
func (r *Recording) Finish() { r.finished.Store(true) }

// Finished says whether they are.
func (r *Recording) Finished() bool { return r.finished.Load() }

// Opened counts a session that is recorded on its behalf.
func (r *Recording) Opened() { r.sessions.Add(1) }

// Sessions is how many were.
func (r *Recording) Sessions() uint64 { return r.sessions.Load() }
