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

// stream is one leg of a session as a TCP connection. The relay never saw the segments: it makes them up so that every
// byte relayed has its sequence number, in the order in which the leg's far end sent or got it. Index is the
// flow.Direction: the half of FromClient belongs to whoever sends the client's bytes, which on the back leg is lodoor. A
// stream that was not opened shows nothing.
type stream struct {
	session *session
	leg     uint32
	opened  bool
	halves  [2]half
}

// half is one side of the connection as a sender.
type half struct {
	addr  netip.AddrPort
	id    uint16 // of the next IPv4 packet
	next  uint32 // sequence number of the next byte
	acked uint32 // what the other side has acknowledged
	fin   bool
}

func (s *stream) init(of *session, leg uint32, from, to netip.AddrPort) {
	id := of.tap.id
	s.session, s.leg, s.opened = of, leg, true
	s.halves[flow.FromClient] = newHalf(from, id[:8], leg)
	s.halves[flow.FromBackend] = newHalf(to, id[8:], leg)
}

// newHalf starts at a sequence number taken from the session's id, so that no two sessions of one client address and
// port begin alike: readers tell them apart by that.
func newHalf(addr netip.AddrPort, id []byte, leg uint32) half {
	const fnvOffset, fnvPrime = 2166136261, 16777619
	isn := fnvOffset + leg
	for _, c := range id {
		isn = (isn ^ uint32(c)) * fnvPrime
	}
	return half{addr: addr, next: isn, acked: isn}
}

// send writes one segment from d's sender; it acknowledges all that the other half has sent so far.
func (s *stream) send(d flow.Direction, flags uint8, p stretch) error {
	from, to := &s.halves[d], &s.halves[1-d]
	seg := &s.session.segment
	*seg = segment{
		from: from.addr, to: to.addr, id: from.id, seq: from.next, flags: flags, payload: p.payload, length: int(p.length),
		buf: p.buf, dir: d, why: p.why,
	}
	if flags&flagACK != 0 {
		seg.ack = to.next
		to.acked = to.next
	}
	from.id++
	from.next += uint32(p.length)
	if flags&(flagSYN|flagFIN) != 0 {
		from.next++
	}
	return s.session.emit(s.leg, seg)
}

// bare writes a segment without payload.
func (s *stream) bare(d flow.Direction, flags uint8) error { return s.send(d, flags, stretch{}) }

// open writes the handshake.
func (s *stream) open() error {
	if err := s.bare(flow.FromClient, flagSYN); err != nil {
		return err
	}
	if err := s.bare(flow.FromBackend, flagSYN|flagACK); err != nil {
		return err
	}
	return s.bare(flow.FromClient, flagACK)
}

// pass writes p.
func (s *stream) pass(d flow.Direction, p stretch) error {
	if !s.opened {
		return nil
	}
	most := uint64(maxSegment)
	if p.whole() {
		most = keptSegment
	}
	for p.length > 0 {
		if err := s.send(d, flagPSH|flagACK, p.take(most)); err != nil {
			return err
		}
		if s.unacked(d) >= ackEvery {
			if err := s.acknowledge(d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stream) unacked(d flow.Direction) uint32 { return s.halves[d].next - s.halves[d].acked }

// acknowledge lets the receiver of d acknowledge what is open, if anything: a second acknowledgement of the same
// bytes would look like a loss.
func (s *stream) acknowledge(d flow.Direction) error {
	if s.unacked(d) == 0 {
		return nil
	}
	return s.bare(1-d, flagACK)
}

// shut writes the orderly end of a direction.
func (s *stream) shut(d flow.Direction) error {
	if !s.opened || s.halves[d].fin {
		return nil
	}
	s.halves[d].fin = true
	if err := s.bare(d, flagFIN|flagACK); err != nil {
		return err
	}
	return s.acknowledge(d)
}

// end writes the end of a session in which both sides closed in order.
func (s *stream) end() error {
	if !s.opened {
		return nil
	}
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
func (s *stream) reset(d flow.Direction) error {
	if !s.opened {
		return nil
	}
	return s.bare(d, flagRST|flagACK)
}
