package replay

import (
	"context"
	"net"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Protocol is what the clients of a recording spoke, as far as a Player must know it. A Player calls it from one
// goroutine.
type Protocol interface {
	// Rules are the reasons for which answers may differ.
	Rules() []Rule
	// Recorded begins to read a session of the recording.
	Recorded(s *recording.Session) Conversation
	// Dial connects to the backend and logs in as the recorded session did that has just told that it is ready, but with
	// the credentials that were given. The conversation is of what follows on the connection.
	Dial(ctx context.Context, recorded Conversation) (net.Conn, Conversation, error)
	// Compare compares the recorded answer to a question with the one that came now.
	Compare(recorded, played *Exchange) Comparison
}

// Conversation cuts the two streams of one session into questions and answers. One is fed with the recording, another
// with what is sent and what comes now; both tell the same exchanges in the same order, whatever the pieces are that
// they are fed with.
type Conversation interface {
	// Feed takes the next bytes of a direction; a question's come before its answer's. An error ends the session: it says
	// what was expected, and where. b is valid during the call.
	Feed(d flow.Direction, at time.Time, b []byte, to Listener) error
	// End says that nothing more comes. What is not answered stays so.
	End(at time.Time, to Listener)
}

// Listener is told what a conversation is made of, during Feed and End. A conversation of what is played tells no Ready
// and nobody looks at what it sends.
type Listener interface {
	// Ready says that the recorded session has logged in, or needs no login: now is the time to connect. It is told once,
	// before anything else.
	Ready()
	// Send tells bytes of the client that are sent as they are. They are valid during the call.
	Send(raw []byte)
	// Asked tells a question, and Answered that its answer is whole: of each exchange once, in the order in which they were
	// asked. What a backend says unasked is no exchange.
	Asked(x *Exchange)
	Answered(x *Exchange)
	// Omitted tells a question that is not played, as one that holds a password that the recording does not have.
	Omitted(x *Exchange, why string)
	// Unplayable says that nothing more of the session can be played, and why; harmless when nothing is lost by that, as of
	// a request to cancel.
	Unplayable(why string, harmless bool)
}

// Exchange is a question and its answer.
type Exchange struct {
	// Name is the question without literals, for people; empty for what only protocols know of.
	Name string
	// Fingerprint is the same for all questions that are measured together; 0 for what is not measured.
	Fingerprint uint64
	// Asked is the time of the question's last byte, Answered that of the answer's.
	Asked, Answered time.Time
	// Answer is the protocol's own, for Compare. It is bounded: of a long answer it has the beginning and a digest.
	Answer any
	// Size is about how many bytes of memory it takes.
	Size int
}

// Comparison is what comes of comparing two answers.
type Comparison struct {
	// Same says that nothing differs but what Ignored names.
	Same bool
	// Ignored are the names of the rules by which differences were passed over.
	Ignored []string
	// What says what differs, in words, Recorded and Played the two values. All come from the wire and may hold any byte;
	// each is at most a few hundred bytes long.
	What, Recorded, Played string
}

// Rule is a reason for which answers may differ.
type Rule struct {
	Name string // one word
	Text string // what it ignores
	// Always says that it holds without being asked for.
	Always bool
}
