package postgres

import (
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Message is a whole message as it stood in the stream.
type Message struct {
	Direction flow.Direction
	// Type is the type byte; 0 for the messages before a session, and for a backend's answer N to a wish for encryption.
	Type byte
	// Raw is all of it, Body what is behind the type and the length; of a message without a type Body begins with the four
	// bytes that say what it is (a version of the protocol, 80877102 to cancel, 80877103 for SSL, 80877104 for GSSAPI). Both
	// are valid during the call only.
	Raw, Body []byte
	// Startup says that it is one of the client's messages before a session, Bare that it is the answer N.
	Startup, Bare bool
}

// Splitter cuts the two streams of a session into messages, whatever the pieces that they come in. Where a message ends
// depends on both directions, so that both must be told, a question before its answer.
type Splitter struct {
	stream stream
	max    int
	raw    [2][]byte
	long   error
	yield  func(Message) error
}

// NewSplitter makes a splitter of one session for messages of at most limit bytes, their heads included.
func NewSplitter(limit int) *Splitter { return &Splitter{stream: newStream(), max: limit} }

// Split calls yield with each message that ends in b. It fails where the stream is not PostgreSQL's protocol, at a
// message that is too long, and with yield's own error; it must not be called again then.
func (s *Splitter) Split(d flow.Direction, b []byte, yield func(Message) error) error {
	s.yield = yield
	defer func() { s.yield = nil }()
	return s.stream.feed(d, b, s)
}

// Encrypted says that nothing more will be found, since what follows is encrypted.
func (s *Splitter) Encrypted() bool { return s.stream.encrypted }

func (s *Splitter) begin(d flow.Direction, k kind, size uint32) {
	p := &s.stream.sides[d]
	if k == kindBare {
		p.head[0] = 'N'
	}
	if int64(size) > int64(s.max) {
		s.long = fmt.Errorf("it is %d bytes long: expected at most %d", size, s.max)
	}
	s.raw[d] = append(s.raw[d][:0], p.head[:p.have]...)
}

func (s *Splitter) body(d flow.Direction, b []byte) {
	if s.long == nil {
		s.raw[d] = append(s.raw[d], b...)
	}
}

func (s *Splitter) gap(flow.Direction, uint32) {}

func (s *Splitter) end(d flow.Direction) error {
	if s.long != nil {
		return s.long
	}
	m := Message{Direction: d, Raw: s.raw[d]}
	switch k := s.stream.sides[d].kind; k {
	case kindBare:
		m.Bare = true
	case kindStartup, kindSSL, kindGSS, kindCancel:
		m.Startup, m.Body = true, m.Raw[4:]
	default:
		m.Type, m.Body = byte(k), m.Raw[5:]
	}
	return s.yield(m)
}
