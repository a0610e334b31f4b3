package flow

import (
	"net/netip"
	"time"
)

// Tap sees the bytes of one session. Its methods are called in the order in which things happened in one direction, but
// the two directions may call at the same time. None may block.
//
// Bytes are told twice. Data tells them after they were read and before they are written, so that a question always
// precedes its answer; Written tells when the other side's kernel has them. What was read and could never be written is
// never told as written.
type Tap interface {
	// Room says whether a direction may be read now; it is asked before every read. When it may not, the lane reads nothing
	// of that direction until wake was called, which happens once, on any goroutine, and also when the session ends first.
	// Most taps keep what they can and always say yes.
	Room(d Direction, wake func()) bool
	// Data tells bytes of a direction; b is valid during the call only.
	Data(d Direction, at time.Time, b []byte)
	// Skipped tells the length of bytes that passed where nobody could see them. They are written when it is called.
	Skipped(d Direction, at time.Time, n uint64)
	// Written tells that the next n bytes of those that Data told of the direction were written.
	Written(d Direction, at time.Time, n uint64)
	// Answered tells that lodoor itself spoke to the client: the next taken bytes of those that Data told from the client
	// go no further, and reply, which no backend sent, was written to the client. reply is valid during the call only.
	Answered(at time.Time, taken uint64, reply []byte)
	// Shut tells that a direction's source closed it in order (FIN).
	Shut(d Direction, at time.Time)
	// Done tells the end, after every other call has returned. It answers how many bytes the tap kept and how many it
	// could not keep; of a tap that keeps what it is told their sum is what it was told, of any other it is 0.
	Done(at time.Time, o *Outcome) (kept, skipped uint64)
}

// PipeTap is a tap that may take what is in a pipe without having been shown it, which costs the lane nothing but the
// call. Only a lane that splices asks.
type PipeTap interface {
	Tap
	// Piped is Data for bytes at the front of a pipe, of which fd is the end that is read from. The tap copies references to
	// them (tee(2)), to at most n, and leaves them where they are. It answers to how many; with 0 it has to be told by Data.
	// It is asked again for the rest of what was read at once, when what it took was written.
	Piped(d Direction, at time.Time, fd, n int) (taken int)
	// Beside is who else has to be told by Data what was piped; nil is nobody.
	Beside() Tap
}

// SessionTap is a tap that is also told what a lane does not know.
type SessionTap interface {
	Tap
	// Connected tells the two ends of the backend's connection, before any byte moves. The addresses are not valid for Unix
	// sockets. It is not called when the backend was not reached.
	Connected(at time.Time, leg, server netip.AddrPort)
	// Origin tells that more was found out about who the peer is, at any time, on any goroutine; what comes after Done is
	// for nobody. o does not change.
	Origin(o *Origin)
}
