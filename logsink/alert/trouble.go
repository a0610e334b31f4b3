package alert

import (
	"errors"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
)

// maxTroubles wait to be looked at.
const maxTroubles = 64

// inbox holds what the journal says of itself until the next batch. It has a lock of its own, so that the journal
// waits for nothing that alerts do.
type inbox struct {
	mu       sync.Mutex
	notes    []note
	troubles int // among the notes
	skipped  uint64
}

// note is a trouble, or that it is over.
type note struct {
	err    error // nil: over
	mended bool
}

// Trouble tells that the journal cannot do what it should. It may be called from any goroutine, the journal's own as
// well: the alert comes from another one, within a second.
func (a *Alerts) Trouble(err error) {
	in := &a.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.troubles == maxTroubles {
		in.skipped++
		return
	}
	in.troubles++
	in.notes = append(in.notes, note{err: err})
}

// Mended tells that the journal does what it should again: what Trouble told is over. It may be called as Trouble.
func (a *Alerts) Mended() {
	in := &a.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := len(in.notes); n == 0 || !in.notes[n-1].mended {
		in.notes = append(in.notes, note{mended: true})
	}
}

func (in *inbox) take() (notes []note, skipped uint64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	notes, skipped = in.notes, in.skipped
	in.notes, in.troubles, in.skipped = nil, 0, 0
	return notes, skipped
}

// lookAtTroubles makes events of what the journal said.
func (a *Alerts) lookAtTroubles(now time.Time) {
	notes, skipped := a.inbox.take()
	for i, n := range notes {
		if n.mended {
			a.resolveIf(isJournals, now, "in order again")
			continue
		}
		e := lost(n.err.Error(), now)
		e.lasting = true
		if noSpace(n.err) {
			e.condition = DiskFull
		}
		if i == len(notes)-1 || !slices.ContainsFunc(notes[i+1:], func(n note) bool { return !n.mended }) {
			e.count += skipped // they came after it
		}
		a.raise(e, now)
	}
}

func isJournals(g *group) bool { return g.condition == JournalLost || g.condition == DiskFull }

// noSpace says whether an error is that the disk, or a person's share of it, is full.
func noSpace(err error) bool {
	return errors.Is(err, journal.ErrSpace) || errors.Is(err, syscall.ENOSPC)
}
