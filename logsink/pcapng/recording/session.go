package recording

import (
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Leg is one of a session's two connections.
type Leg uint8

// The legs. As a choice of what is read, LegFront shows both directions as the client's connection had them.
const (
	LegFront Leg = iota // of the client and lodoor
	LegBack             // of lodoor and the backend
	LegBoth             // as a choice only: what moved is told once for each leg
)

// Session is one that a recording has something of. It is the reader's, who fills in what it comes to know: look at it
// when an event tells it, and do not change it.
type Session struct {
	// ID is its identifier; empty when the recording does not tell it, as of real packets.
	ID      string
	Service string
	// Client and Front are the ends of the front leg, Back and Server those of the back leg; what is not known is not valid.
	Client, Front, Back, Server netip.AddrPort
	// Program, User, PID, Verdict and Rule are as the comments tell them, and empty when they do not.
	Program, User string
	PID           int
	Verdict, Rule string
	// Redacted are words for what is overwritten, as flow.ParseRedaction reads them.
	Redacted string
	Other    []block.Field
	Opened   time.Time
	// Late says that it had begun before the recording did.
	Late bool
}

// Name is the session's identifier, or else its addresses.
func (s *Session) Name() string {
	if s.ID != "" {
		return s.ID
	}
	return s.Client.String() + "-" + s.Front.String()
}

// learn takes what a comment tells, and says whether that was new.
func (s *Session) learn(c *block.Comment) bool {
	changed := false
	for _, text := range []struct {
		to   *string
		from string
	}{
		{&s.ID, c.Session}, {&s.Service, c.Service}, {&s.Program, c.Program}, {&s.User, c.User},
		{&s.Verdict, c.Verdict}, {&s.Rule, c.Rule}, {&s.Redacted, c.Redacted},
	} {
		if text.from != "" && *text.to != text.from {
			*text.to, changed = text.from, true
		}
	}
	if c.PID != 0 && s.PID != c.PID {
		s.PID, changed = c.PID, true
	}
	const most = 32 // keys that nobody here knows
	if n := min(len(c.Other), most-len(s.Other)); n > 0 {
		s.Other, changed = append(s.Other, c.Other[:n]...), true
	}
	return changed
}

// EventKind is what an event tells.
type EventKind uint8

// The kinds of events. A session has one Opened, then any of the others, then one Ended.
const (
	Opened    EventKind = iota + 1
	Named               // more came to be known of the session
	Connected           // the backend was reached: Session.Back and Session.Server
	Data
	Shut  // the direction's source closed it in order
	Reset // the direction's source reset the connection
	Ended
)

func (k EventKind) String() string {
	switch k {
	case Opened:
		return "opened"
	case Named:
		return "named"
	case Connected:
		return "connected"
	case Data:
		return "data"
	case Shut:
		return "shut"
	case Reset:
		return "reset"
	case Ended:
		return "ended"
	}
	return "unknown"
}

// Event is one thing that happened in a session, as one of its legs shows it.
type Event struct {
	Kind    EventKind
	Session *Session
	At      time.Time
	// Leg and Direction are of Data, Shut and Reset.
	Leg       Leg
	Direction flow.Direction
	// Payload are bytes of Data; it is valid until the next event is asked for.
	Payload []byte
	// Missing is how many bytes behind Payload are not in the recording, and Why says it in one word, where the recording
	// tells: see the constants of package block.
	Missing uint64
	Why     string
	// Unfinished says of Ended that the recording has not got the session's end.
	Unfinished bool
}
