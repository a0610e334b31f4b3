package journal

import "github.com/lodoor/lodoor/proxy/flow"

// fate is what becomes of an item in a batch.
type fate uint8

const (
	undecided fate = iota
	admitted       // it is written
	unpaired       // it is not: the close of a session whose open was dropped, or the origin of such a session
	spared         // it is not: what space there is has to do for other records
	merged         // it is told later, together with others like it
)

// decide says what becomes of an item as far as it depends on the space that its record may take; the rest is for
// [queue.admit].
func (w *writer) decide(it *item) fate {
	switch {
	case it.own:
		return undecided
	case it.event == flow.EventSessionRefused && (w.thrift != nil || w.refusedBytes >= w.refusedShare()):
		if w.refused.place(it.record) {
			return merged
		}
	}
	if w.thrift != nil && !writtenInThrift(it.event) {
		return spared
	}
	return undecided
}

// writtenInThrift says which records may use what the reserve has left: those whose number is bounded by something
// else than by who connects.
func writtenInThrift(e flow.Event) bool {
	switch e {
	case flow.EventSessionOpen, flow.EventSessionOrigin, flow.EventSessionRefused:
		return false
	default:
		return true
	}
}
