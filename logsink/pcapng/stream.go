package pcapng

import (
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// keptSegment is how payload is cut: a read of the usual 64 KiB makes two packets.
	keptSegment = 32 << 10
	// ackEvery is how many bytes may be unacknowledged before the other side is shown to acknowledge them. It is far
	// below the window, so that nobody who reads the file sees a full one.
	ackEvery = 256 << 10
)

// emit writes one packet to the recording.
type emit func(*segment) error

// stream is a session's client leg as a TCP connection. The relay never saw the segments: it makes them up so that
// every byte relayed has its sequence number, in the order in which the relay read them. Index is the flow.Direction:
// the client's half sends the bytes from the client.
type stream struct {
	emit    emit
	halves  [2]half
	segment segment // in hand
}

// half is one side of the connection as a sender.
type half struct {
	addr  netip.AddrPort
	id    uint16 // of the next IPv4 packet
	next  uint32 // sequence number of the next byte
	acked uint32 // what the other side has acknowledged
	fin   bool
}

func newStream(client, front netip.AddrPort, id flow.SessionID, e emit) *stream {
	s := &stream{emit: e}
	s.halves[flow.FromClient] = newHalf(client, id[:8])
	s.halves[flow.FromBackend] = newHalf(front, id[8:])
	return s
}

// newHalf starts at a sequence number taken from the session's id, so that no two sessions of one client address and
// port begin alike: readers tell them apart by that.
func newHalf(addr netip.AddrPort, id []byte) half {
	const fnvOffset, fnvPrime = 2166136261, 16777619
	isn := uint32(fnvOffset)
	for _, c := range id {
		isn = (isn ^ uint32(c)) * fnvPrime
	}
	return half{addr: addr, next: isn, acked: isn}
}

// send writes one segment from d's sender; it acknowledges all that the other half has sent so far.
func (s *stream) send(d flow.Direction, flags uint8, payload []byte, length int) error {
	from, to := &s.halves[d], &s.halves[1-d]
	s.segment = segment{
		from: from.addr, to: to.addr, id: from.id, seq: from.next, flags: flags, payload: payload, length: length,
	}
	if flags&flagACK != 0 {
		s.segment.ack = to.next
		to.acked = to.next
	}
	from.id++
	from.next += uint32(length)
	if flags&(flagSYN|flagFIN) != 0 {
		from.next++
	}
	return s.emit(&s.segment)
}

// open writes the handshake.
func (s *stream) open() error {
	if err := s.send(flow.FromClient, flagSYN, nil, 0); err != nil {
		return err
	}
	if err := s.send(flow.FromBackend, flagSYN|flagACK, nil, 0); err != nil {
		return err
	}
	return s.send(flow.FromClient, flagACK, nil, 0)
}

// data writes bytes that were kept.
func (s *stream) data(d flow.Direction, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), keptSegment)
		if err := s.pass(d, b[:n], n); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// skip writes packets without payload for bytes that were not kept.
func (s *stream) skip(d flow.Direction, n uint64) error {
	for n > 0 {
		length := min(n, maxSegment)
		if err := s.pass(d, nil, int(length)); err != nil {
			return err
		}
		n -= length
	}
	return nil
}

func (s *stream) pass(d flow.Direction, payload []byte, length int) error {
	if err := s.send(d, flagPSH|flagACK, payload, length); err != nil {
		return err
	}
	if s.unacked(d) < ackEvery {
		return nil
	}
	return s.acknowledge(d)
}

func (s *stream) unacked(d flow.Direction) uint32 { return s.halves[d].next - s.halves[d].acked }

// acknowledge lets the receiver of d acknowledge what is open, if anything: a second acknowledgement of the same
// bytes would look like a loss.
func (s *stream) acknowledge(d flow.Direction) error {
	if s.unacked(d) == 0 {
		return nil
	}
	return s.send(1-d, flagACK, nil, 0)
}

// shut writes the orderly end of a direction.
func (s *stream) shut(d flow.Direction) error {
	if s.halves[d].fin {
		return nil
	}
	s.halves[d].fin = true
	if err := s.send(d, flagFIN|flagACK, nil, 0); err != nil {
		return err
	}
	return s.acknowledge(d)
}

// end writes the end of a session in which both sides closed in order.
func (s *stream) end() error {
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		if err := s.shut(d); err != nil {
			return err
		}
		if err := s.acknowledge(d); err != nil {
			return err
		}
	}
	return nil
}

// reset writes the reset that d's sender ended the session with.
func (s *stream) reset(d flow.Direction) error { return s.send(d, flagRST|flagACK, nil, 0) }
