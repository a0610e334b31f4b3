package pcapng

import "github.com/lodoor/lodoor/proxy/flow"

type kind uint8

const (
	kindOpen      kind = iota // a session began
	kindConnected             // its backend was reached
	kindPass                  // bytes were told, as payload or as a length, or written
	kindAnswered              // lodoor spoke itself
	kindShut                  // a direction's orderly end
	kindEnd                   // both sides closed in order
	kindReset                 // by's side ended the session
	kindGone                  // the end of a session that was cut short: nothing is written
)

// entry is one event of a session on its way to the writer.
type entry struct {
	tap       *tap
	kind      kind
	dir       flow.Direction
	by        flow.Side
	why       reason // for what is not kept
	connected bool   // of an opening: the backend's addresses are known
	charged   bool   // it counts as memory
	at        int64  // ns since 1970
	cost      int64  // taken from the budget
	buf       *buffer
	taken     uint64
	// from has piped bytes of dir, for which a buffer is claimed. The writer reads them in any case: in its turn, or when it
	// settles what is given up.
	from  *conduit
	piped int
	// length are the bytes told, written those that had been told and were written at writtenAt.
	length, written [2]uint64
	writtenAt       int64
}

// size is how much payload an entry has.
func (e *entry) size() int {
	if e.buf != nil {
		return len(e.buf.b)
	}
	return e.piped
}
