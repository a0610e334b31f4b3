package redis

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Value is an answer or a part of one.
type Value struct {
	// Kind is the byte that it began with on the wire: + - : $ ! = , ( # _ and of lists * % ~ >. A null is _ in RESP3, and
	// in RESP2 a $ or a * with Null.
	Kind byte
	Null bool
	// Text are the bytes of what is no list.
	Text []byte
	// Items are the elements of a list, of a map key and value in turn.
	Items []Value
	// Attributes are what the server added about the value (|), key and value in turn.
	Attributes []Value
}

// Message is a whole command or a whole answer.
type Message struct {
	// Raw are its bytes.
	Raw []byte
	// Command are the words of a command; nil for an answer.
	Command []string
	// Silent says that nobody will answer the command (CLIENT REPLY).
	Silent bool
	// Value is an answer.
	Value Value
	// Unasked says that the answer belongs to no command, Last that its command is answered by it; a subscription is
	// by several.
	Unasked, Last bool
}

// valueCost is what each value of an answer counts toward the bound of a message beside its bytes.
const valueCost = 64

// Splitter gives the whole messages of one connection.
type Splitter struct {
	most    int
	each    func(flow.Direction, Message) error
	client  lexer
	server  lexer
	talk    talk
	command judge
	reply   reply
	tree    tree
	raw     [2][]byte
	words   []string
}

// NewSplitter makes one for a new connection. A message of more than most bytes is an error; each value of an answer
// counts 64 bytes more. each is called within Data; what it is given it may keep.
func NewSplitter(most int, each func(flow.Direction, Message) error) *Splitter {
	s := &Splitter{most: most, each: each, talk: newTalk(), client: lexer{client: true, keep: most}, server: lexer{keep: most}}
	return s
}

// Data reads the next bytes of a direction. The error says what is no Redis about them, or is that of each.
func (s *Splitter) Data(dir flow.Direction, b []byte) error {
	for len(b) > 0 {
		n, err := s.next(dir, b)
		if err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		b = b[n:]
	}
	return nil
}

// End tells that a direction is over. It is an error within a message.
func (s *Splitter) End(dir flow.Direction) error {
	if n := len(s.raw[dir]); n > 0 {
		return fmt.Errorf("redis: the connection ended after %d bytes of a message %s", n, side(dir))
	}
	return nil
}

func (s *Splitter) next(dir flow.Direction, b []byte) (n int, err error) {
	l, v := &s.server, visitor(&s.tree)
	if dir == flow.FromClient {
		l, v = &s.client, (*wordList)(s)
	}
	if l.between() {
		if h := s.talk.head(); dir == flow.FromBackend && h != nil && h.verb == verbSync && b[0] != '-' {
			return 0, errors.New("a replica's stream, which has no messages")
		}
		s.begin(dir)
	}
	n, whole, err := l.feed(b, v)
	raw := append(s.raw[dir], b[:n]...)
	s.raw[dir] = raw
	switch {
	case err != nil:
		return n, err
	case len(raw) > s.most, dir == flow.FromBackend && len(raw)+s.tree.values*valueCost > s.most:
		return n, fmt.Errorf("a message %s of more than %d bytes", side(dir), s.most)
	case !whole:
		return n, nil
	}
	s.raw[dir] = nil
	if dir == flow.FromClient {
		return n, s.asked(raw)
	}
	return n, s.answered(raw)
}

func (s *Splitter) begin(dir flow.Direction) {
	if dir == flow.FromClient {
		s.command.restart()
		s.words = nil
		return
	}
	s.reply.reset()
	s.tree = tree{lexer: &s.server, reply: &s.reply}
}

// asked gives a command.
func (s *Splitter) asked(raw []byte) error {
	if len(s.words) == 0 { // an empty line
		return nil
	}
	a, _, err := s.talk.ask(&s.command.request)
	if err != nil {
		return err
	}
	silent := a.silent
	s.silent()
	return s.each(flow.FromClient, Message{Raw: raw, Command: s.words, Silent: silent})
}

func (s *Splitter) silent() {
	for s.talk.silent() != nil {
		s.talk.pop()
	}
}

// answered gives an answer.
func (s *Splitter) answered(raw []byte) error {
	m, err := s.talk.answer(&s.reply)
	if err != nil {
		return err
	}
	if m == answers {
		s.talk.effect(s.talk.head(), &s.reply)
		s.talk.pop()
		s.silent()
	}
	return s.each(flow.FromBackend, Message{Raw: raw, Value: s.tree.root, Unasked: m == notification, Last: m == answers})
}

// wordList is a splitter that is told of a command.
type wordList Splitter

func (s *wordList) open(byte, int64)  {}
func (s *wordList) begin(byte, int64) {}
func (s *wordList) part([]byte)       {}
func (s *wordList) shut()             {}

func (s *wordList) end() {
	if s.client.kind == '$' {
		s.command.took(s.client.word)
		s.words = append(s.words, string(s.client.word))
	}
}
