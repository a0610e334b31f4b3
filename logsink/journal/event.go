package journal

import "github.com/lodoor/lodoor/proxy/flow"

// eventOf is the event of a name, without garbage: it is asked for every line that is passed by.
func eventOf(name []byte) flow.Event {
	switch string(name) {
	case "session.open":
		return flow.EventSessionOpen
	case "session.close":
		return flow.EventSessionClose
	case "session.origin":
		return flow.EventSessionOrigin
	case "session.refused":
		return flow.EventSessionRefused
	case "alert":
		return flow.EventAlert
	case "journal.start":
		return flow.EventJournalStart
	case "journal.rotated":
		return flow.EventJournalRotated
	}
	var e flow.Event
	if e.UnmarshalText(name) != nil {
		return flow.EventUnknown
	}
	return e
}
