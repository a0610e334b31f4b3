package terminal

import (
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// patience is how long an open waits for the program behind its peer. A search mostly takes a few milliseconds.
	patience = 50 * time.Millisecond
	// maxHeld is how many opens wait at most; what comes then is shown as it is.
	maxHeld = 64
)

// hold keeps opens back until the process behind the peer is known. Only they wait: the lines of other sessions,
// refusals and alerts are shown meanwhile, so that lines of different sessions may be out of order by patience. Holding
// all lines would keep the order and show every one of them late, for the sake of a time stamp that each of them has.
type hold struct{ opens []held } // the oldest first

type held struct {
	entry *flow.Entry
	due   time.Time
}

// waits says whether an open is better shown a moment later: a search for the peer's process may be under way. One that
// would be refused is news, and shown before its alert.
func waits(r *flow.Record) bool {
	return r.Event == flow.EventSessionOpen && !r.Session.IsZero() && !observed(r) &&
		r.Peer != nil && r.Peer.Zone.Local() && (r.Origin == nil || r.Origin.Program == "")
}

// add keeps an open until due; false when too many are kept.
func (h *hold) add(e *flow.Entry, due time.Time) bool {
	if len(h.opens) == maxHeld {
		return false
	}
	h.opens = append(h.opens, held{e, due})
	return true
}

// take gives the open of a session, if it is held.
func (h *hold) take(id flow.SessionID) (*flow.Entry, bool) {
	for i := range h.opens {
		if h.opens[i].entry.Record.Session == id {
			e := h.opens[i].entry
			h.opens = slices.Delete(h.opens, i, i+1)
			return e, true
		}
	}
	return nil, false
}

// overdue gives the oldest open, if it has waited for long enough or must not wait any more.
func (h *hold) overdue(now time.Time, last bool) (*flow.Entry, bool) {
	if len(h.opens) == 0 || !last && h.opens[0].due.After(now) {
		return nil, false
	}
	return h.take(h.opens[0].entry.Record.Session)
}

// next is when the oldest open is due; zero when none is held.
func (h *hold) next() time.Time {
	if len(h.opens) == 0 {
		return time.Time{}
	}
	return h.opens[0].due
}
