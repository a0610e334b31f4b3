package flow

import "time"

// Tap sees the bytes of one session and never holds them. Its methods are called in the order in which things
// happened in one direction, but the two directions call at the same time. None may block.
//
// Bytes are told after they were read and before they are written, so that what is told of a question always precedes
// what is told of its answer.
type Tap interface {
	// Data tells bytes of a direction; b is valid during the call only.
	Data(d Direction, at time.Time, b []byte)
	// Skipped tells the length of bytes that passed where nobody could see them.
	Skipped(d Direction, at time.Time, n uint64)
	// Shut tells that a direction's source closed it in order (FIN).
	Shut(d Direction, at time.Time)
	// Done tells the end, after every other call has returned. It answers how many bytes the tap kept and how many it
	// could not keep; their sum is what it was told.
	Done(at time.Time, o *Outcome) (kept, skipped uint64)
}
