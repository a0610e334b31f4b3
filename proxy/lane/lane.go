// Package lane moves the bytes of sessions between two connected sockets.
//
// A lane is one way of doing that. All of them obey one contract, held by the suite in lanetest:
//
//   - Every byte arrives once and in order. Urgent bytes are ordinary ones; their mark is not carried.
//   - A FIN is passed behind the bytes before it, and the other direction goes on for as long as it likes. The session
//     ends in order when both have ended.
//   - A reset is passed as a reset, also when its side cannot be read because the other takes nothing, and also after a
//     FIN. What was received before it is delivered first: the lane waits until the other end's kernel has it, for a
//     bounded time, and a shorter one while the other end takes nothing. To a Unix socket a reset is the end of the
//     stream.
//   - A session that lodoor ends (kill, timeouts) is reset on both legs: a FIN would say that a sender had finished.
//   - A side that does not read stops the other. A session holds one buffer a direction at most, none while nothing
//     moves.
//
// A pair may have a gate ([flow.Gate]), which judges what the client sends before the backend gets any of it. Until it
// is done with that, and to the end of the session when it never is:
//
//   - Inspect is asked whenever bytes were read, with all that it has not let pass, and once more at the client's FIN,
//     behind which nothing is. It is called where the bytes are moved (on the event loop, if the lane has some), and
//     must not wait.
//   - What it has not let pass is held; the backend gets none of it. The client is read for as long as less than
//     [flow.GateMax] bytes are held, and not while the backend does not take what did pass. A session that holds
//     nothing has no memory for it, and bytes that pass at once are not copied.
//   - The direction is read and written, never spliced. As soon as the gate is done it is one like any other.
//   - The backend's bytes flow meanwhile, and its FIN is passed.
//   - A refusal resets both legs; what is held, and what was read with it, is dropped. What passed before may have
//     arrived, or not. The outcome is denied, by lodoor, with the gate's verdict. It is so, too, when both FINs or
//     the client's reset have come already: who sends what is refused and resets behind it has not got round the gate.
//   - The lane itself refuses, as "gate.held", when nothing of GateMax bytes passes or is taken, and when something is
//     still held after the FIN was shown; and as "gate.fault" an answer that takes or lets pass what is not there.
//   - When the session ends otherwise (the client's or the backend's reset, a kill, a timeout), what is held is dropped,
//     and the end is the same as without a gate. A client that has sent a byte has sent its first byte, held or not.
//   - What is held or dropped was read: the counts and the tap have it, once, before the gate is asked. So a recording
//     has the attack that was refused, and may have bytes that the backend never got.
//
// A gate may speak to the client itself, as long as the backend has not:
//
//   - What it takes goes no further, and counts as read. Its reply is written to the client at once, ahead of what the
//     same answer lets pass and of all that the backend says; then the tap is told of both (Answered). It is not the
//     backend's: no count has it.
//   - When the backend's first byte was read already, a reply is refused as "gate.fault", and so is one of more than
//     [flow.ReplyMax] bytes. When the backend has closed its side without a word, the reply is dropped: the client has
//     read the end of the stream.
//   - A client that does not take all of a reply at once is gone: the session ends as an error of its connection, or as
//     its reset if that is what it was, and nothing more of what it sent goes on, whether it would have passed or not.
//     (The portable sockets wait until it is taken.)
//
// A pair may amend what the backend says first ([flow.Amend]): it is given the bytes where they were read, before the
// tap and the client get them, and until it is done its direction is not spliced.
//
// A pair may have a tap ([flow.Tap]):
//
//   - Room is asked before every read, when there is something to read (the portable sockets ask before they wait for
//     it). One that has no room is as good as a receiver that takes nothing: the source is stopped, even its FIN is not
//     seen, and all else goes on, its reset, the other direction, kill and timeouts. What was received before a reset is
//     delivered if there is room for it soon enough.
//   - Written is told whenever the kernel has taken some bytes, those included that a gate had held. What follows a read
//     without waiting may have that read's time. What is left at the end was not written.
//   - Nothing is skipped: what is spliced is shown to the tap by a copy (tee(2)) before it is written, unless it is a
//     [flow.PipeTap] and takes it by reference. Only if the kernel refused that copy, Skipped would tell the length of what
//     had been taken off the socket already.
package lane

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Lane moves the bytes of sessions.
type Lane interface {
	// Name is what session.lane says.
	Name() string
	// Start begins to move bytes between the two ends of p and returns at once. The lane owns both ends from then on:
	// it closes them, and only then calls done, exactly once. done may be called on a goroutine that other sessions
	// need and must not block; it may be called before Start has returned. Start must not be called after Close.
	//
	// The outcome has everything but Dial, Leg and Server. EndedBy is who sent the first FIN, whose connection was reset
	// or was no longer acknowledged, or lodoor for a kill and for the pair's timeouts. Duration is to the moment when
	// the end was known: delivering what came before a reset is not counted.
	Start(p Pair, done func(flow.Outcome)) Control
	// Close waits until every session that was started has called done. It ends none of them.
	Close() error
}

// Control is the hold that somebody else keeps on a running session.
type Control interface {
	// Kill ends the session with a reset on both legs. done says end, by lodoor, unless the session was over before:
	// what a peer's reset still had to deliver is then dropped. It is safe at any time and as often as one likes.
	Kill(end flow.End)
	// Counts are the bytes read from each side so far.
	Counts() (fromClient, fromBackend uint64)
}

// Pair is the two ends of a session, and how it is to be run.
type Pair struct {
	Client, Backend *Socket
	// Accepted is when the session began, with a monotonic reading; Outcome's durations count from it.
	Accepted time.Time
	// Idle ends the session when nothing was read or written in either direction for so long, or up to a quarter
	// longer; 0 is never.
	Idle time.Duration
	// FirstByte ends the session when the client sent nothing for so long after Accepted; 0 is never.
	FirstByte time.Duration
	// Tap sees the bytes of both directions; nil is nobody.
	Tap Tap
	// Gate judges the client's bytes before the backend gets them; nil is nobody.
	Gate flow.Gate
	// Amend changes what the backend says first before anybody has it; nil is nothing.
	Amend flow.Amend
}

// Tap sees the bytes of one session; see [flow.Tap] for what a lane owes it. Beyond that, Shut is told before the FIN is
// passed on and behind all that was written, and not at all of a direction that ended otherwise; Done is told when both ends are closed, with all of the
// outcome but TapKept and TapSkipped, and nothing is told after it.
type Tap = flow.Tap
