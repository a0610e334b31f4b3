package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// visitor is told what a stream consists of. The bodies come in pieces, and pieces that are empty do not come.
type visitor interface {
	// begin tells that a message's head was read; size counts the whole message, its head included.
	begin(d flow.Direction, k kind, size uint32)
	// body tells the next piece of what is behind the head.
	body(d flow.Direction, b []byte)
	// gap tells that the next n bytes of the body were not seen.
	gap(d flow.Direction, n uint32)
	// end tells that the message was read.
	end(d flow.Direction) error
}

// stream follows both directions of a session from message to message. It keeps none of their bytes.
type stream struct {
	sides [2]side
	// asked are the client's wishes for encryption that the backend has not answered yet.
	asked int
	// now is the time of the bytes that are read.
	now time.Time
	// encrypted says that what follows cannot be read, over that nothing may follow from the client.
	encrypted, over bool
}

// side is the place in one direction.
type side struct {
	head    [8]byte
	have    int       // bytes of the head
	since   time.Time // of its first byte
	kind    kind
	inBody  bool
	left    uint32 // bytes of the body that are still to come
	typed   bool   // messages begin with a type byte
	counted uint64 // messages that were read
}

func newStream() stream {
	s := stream{}
	s.sides[flow.FromBackend].typed = true
	return s
}

// feed reads on in one direction.
func (s *stream) feed(d flow.Direction, b []byte, v visitor) error {
	p := &s.sides[d]
	for len(b) > 0 && !s.encrypted {
		if p.inBody {
			n := min(uint64(p.left), uint64(len(b)))
			p.left -= uint32(n)
			v.body(d, b[:n])
			b = b[n:]
		} else {
			n, whole, err := s.readHead(d, b)
			if err != nil {
				return fmt.Errorf("message %d from the %s: %w", p.counted+1, who(d), err)
			}
			b = b[n:]
			if !whole {
				continue
			}
			v.begin(d, p.kind, p.size())
		}
		if err := s.endIfWhole(d, v); err != nil {
			return err
		}
	}
	return nil
}

// skip goes on behind n bytes that were not seen. They must lie within one message's body.
func (s *stream) skip(d flow.Direction, n uint64, v visitor) error {
	p := &s.sides[d]
	switch {
	case n == 0 || s.encrypted:
		return nil
	case !p.inBody || n > uint64(p.left):
		return fmt.Errorf("%d bytes from the %s were not seen, and more than one message with them: %d were read", n, who(d), p.counted)
	}
	p.left -= uint32(n)
	v.gap(d, uint32(n))
	return s.endIfWhole(d, v)
}

func (s *stream) endIfWhole(d flow.Direction, v visitor) error {
	p := &s.sides[d]
	if p.left > 0 {
		return nil
	}
	p.inBody, p.have = false, 0
	p.counted++
	if err := v.end(d); err != nil {
		return fmt.Errorf("message %d from the %s: %w", p.counted, who(d), err)
	}
	switch p.kind {
	case kindStartup:
		p.typed = true
	case kindCancel:
		s.over = true
	case kindSSL, kindGSS:
		s.asked++
	}
	return nil
}

// readHead takes bytes of a head from b and says how many, and whether the head is whole.
func (s *stream) readHead(d flow.Direction, b []byte) (n int, whole bool, err error) {
	p := &s.sides[d]
	if p.have == 0 {
		p.since = s.now
		if bare, err := s.bare(d, b[0]); bare || err != nil {
			return 1, bare && !s.encrypted, err
		}
	}
	need := 5
	if !p.typed {
		need = 8
	}
	n = copy(p.head[p.have:need], b)
	p.have += n
	if p.have < need {
		return n, false, nil
	}
	if p.typed {
		return n, true, p.typedHead(d)
	}
	return n, true, p.untypedHead()
}

// bare reads what is no message: the answer to a wish for encryption, and the beginning of encryption without a wish.
func (s *stream) bare(d flow.Direction, c byte) (bool, error) {
	p := &s.sides[d]
	switch {
	case d == flow.FromClient && s.over:
		return false, errors.New("nothing was expected behind a request to cancel")
	case d == flow.FromClient && !p.typed && c == tlsHandshake:
		s.encrypted = true
		return true, nil
	case d == flow.FromClient || s.asked == 0 || c == 'E': // an error instead of an answer is an ordinary message
		return false, nil
	}
	s.asked--
	switch c {
	case 'N':
		p.kind, p.inBody, p.left, p.have = kindBare, true, 0, 1
		return true, nil
	case 'S', 'G':
		s.encrypted = true
		return true, nil
	}
	return false, fmt.Errorf("the answer to a request for encryption is %q: expected S, G or N", c)
}

func (p *side) typedHead(d flow.Direction) error {
	p.kind = kind(p.head[0])
	length := binary.BigEndian.Uint32(p.head[1:])
	least, most := bounds(d, p.kind)
	switch {
	case most == 0:
		return fmt.Errorf("unknown type of message %q", p.head[0])
	case length < least || length > most:
		return fmt.Errorf("a message of type %c cannot be %d bytes long: expected %d to %d", p.kind, length, least, most)
	}
	p.inBody, p.left = true, length-4
	return nil
}

func (p *side) untypedHead() error {
	length, code := binary.BigEndian.Uint32(p.head[:]), binary.BigEndian.Uint32(p.head[4:])
	k, known := untypedKind(code)
	switch {
	case length < 8 || length > startupMax:
		return fmt.Errorf("it is not PostgreSQL's protocol: a first message of %d bytes, expected 8 to %d", length, startupMax)
	case !known:
		return fmt.Errorf("version %d.%d of the protocol cannot be read: expected 3.x", code>>16, code&0xffff)
	}
	p.kind, p.inBody, p.left = k, true, length-8
	return nil
}

// size is how long the message is whose head was just read, its head included.
func (p *side) size() uint32 { return p.left + uint32(p.have) }

func who(d flow.Direction) string {
	if d == flow.FromClient {
		return "client"
	}
	return "backend"
}
