package http

import (
	"bytes"
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Field is a line of a head: its name in lower case, and its value without the blanks around it.
type Field struct{ Name, Value string }

// Message is a whole request or a whole response.
type Message struct {
	// Raw are its bytes.
	Raw []byte
	// Method and Target are a request's.
	Method, Target string
	// Status and Reason are a response's; Interim says that another one to the same request follows.
	Status  int
	Reason  string
	Interim bool
	// Version is HTTP/1.1 or HTTP/1.0.
	Version string
	Fields  []Field
	// Body is without its framing. Trailer are the fields behind it.
	Body    []byte
	Trailer []Field
	// Upgrade says that another protocol is spoken behind the message.
	Upgrade bool
}

// fieldCost is what each field counts toward the bound of a message beside its bytes.
const fieldCost = 32

// Splitter gives the whole messages of one connection.
type Splitter struct {
	most   int
	each   func(flow.Direction, Message) error
	client half
	server half
	queue  queue
	tunnel bool
}

// half is one direction.
type half struct {
	parser  parser
	message Message
	raw     []byte
	fields  int
}

// NewSplitter makes one for a new connection. A message of more than most bytes is an error; each field counts 32 bytes
// more. each is called within Data and End; what it is given it may keep. Behind a change of protocol nothing is given.
func NewSplitter(most int, each func(flow.Direction, Message) error) *Splitter {
	keep := limits{target: headMax, value: headMax, all: true}
	return &Splitter{most: most, each: each, client: half{parser: parser{request: true, keep: keep}}, server: half{parser: parser{keep: keep}}}
}

// Data reads the next bytes of a direction. The error says what is not HTTP/1 about them, or is that of each.
func (s *Splitter) Data(dir flow.Direction, b []byte) error {
	for len(b) > 0 && !s.tunnel {
		n, err := s.next(dir, b)
		if err != nil {
			return fmt.Errorf("http: %w", err)
		}
		b = b[n:]
	}
	return nil
}

// End tells that a direction is over: a response without a length is whole by it. It is an error within another message.
func (s *Splitter) End(dir flow.Direction) error {
	h := s.half(dir)
	switch {
	case s.tunnel || len(h.raw) == 0:
		return nil
	case h.parser.state == inRest:
		return s.give(dir, h)
	}
	return fmt.Errorf("http: the connection ended after %d bytes of a message", len(h.raw))
}

func (s *Splitter) half(dir flow.Direction) *half {
	if dir == flow.FromClient {
		return &s.client
	}
	return &s.server
}

func (s *Splitter) next(dir flow.Direction, b []byte) (n int, err error) {
	h := s.half(dir)
	if n := h.parser.blank(b); n > 0 {
		return n, nil
	}
	switch {
	case dir == flow.FromClient:
		if err := s.queue.ready(); err != nil {
			return 0, err
		}
	case !h.parser.begun:
		s.queue.answer(&h.parser)
	}
	n, whole, err := h.parser.feed(b, h)
	h.raw = append(h.raw, b[:n]...)
	switch {
	case err != nil:
		return n, err
	case len(h.raw)+h.fields*fieldCost > s.most:
		return n, fmt.Errorf("a message of more than %d bytes", s.most)
	case dir == flow.FromClient:
		if err := s.asked(h, whole); err != nil {
			return n, err
		}
	}
	if !whole {
		return n, nil
	}
	return n, s.give(dir, h)
}

// asked keeps the exchanges beside what was read of a request.
func (s *Splitter) asked(h *half, whole bool) error {
	if s.queue.asking == nil && (whole || h.parser.state >= inBody) {
		if _, err := s.queue.ask(&h.parser); err != nil {
			return err
		}
	}
	x := s.queue.asking
	if x == nil {
		return nil
	}
	x.started = x.started || len(h.message.Body) > 0
	if whole {
		x.asked, s.queue.asking = true, nil
		s.forget()
	}
	return nil
}

func (s *Splitter) forget() {
	for s.queue.over() != nil {
		continue
	}
}

// give gives a message.
func (s *Splitter) give(dir flow.Direction, h *half) error {
	m, p := h.message, &h.parser
	m.Raw = h.raw
	h.message, h.raw, h.fields = Message{}, nil, 0
	if dir == flow.FromClient {
		m.Method, m.Target, m.Version = string(p.parts[0]), string(p.parts[1]), string(p.parts[2])
		return s.each(dir, m)
	}
	m.Version, m.Status, m.Reason, m.Interim = string(p.parts[0]), p.framing.status, string(p.parts[2]), p.framing.interim()
	if x := s.queue.front(); x != nil && !m.Interim {
		s.queue.responded(x)
		s.forget()
	}
	m.Upgrade = p.state == inTunnel
	s.tunnel = m.Upgrade
	return s.each(dir, m)
}

func (h *half) target([]byte) {}
func (h *half) value([]byte)  {}
func (h *half) head() error   { return nil }

func (h *half) field() {
	f := Field{string(h.parser.name), string(bytes.Clone(h.parser.text))}
	h.fields++
	if h.parser.tail {
		h.message.Trailer = append(h.message.Trailer, f)
		return
	}
	h.message.Fields = append(h.message.Fields, f)
}

func (h *half) body(b []byte) { h.message.Body = append(h.message.Body, b...) }
