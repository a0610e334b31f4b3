package wire

import (
	"bytes"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// search is what a session's ends said while nobody knows in which protocol.
type search struct {
	told  []said
	bytes int
	first [2][]byte // what each side said first, at most recogniseMax bytes
}

// said is one call of a tap.
type said struct {
	dir      flow.Direction
	at       time.Time
	bytes    []byte
	skipped  uint64 // or what lodoor took
	answered bool   // lodoor said bytes
}

// searchMax is how many bytes are kept until the protocol is known. What tells it is among a side's first few; only one
// read may be larger.
const searchMax = 128 << 10

// look keeps what was said until the protocol is known, and then has the decoder read it.
func (t *tap) look(s said) error {
	protocol := t.search.hear(s)
	switch protocol {
	case "":
		return nil
	case foundTLS:
		t.encrypted(protocol)
		return nil
	case foundNothing:
		t.turnOff()
		t.decoders.note(t.record.Service, NoteUnknown, unknown(t.record.Service))
		return nil
	}
	t.found, t.decoder = protocol, t.decoders.decoder(protocol, t)
	told := t.search.told
	t.search = search{}
	for _, s := range told {
		if err := s.tell(t.decoder); err != nil {
			return err
		}
	}
	return nil
}

// hear keeps what was said and says in which protocol; empty while that is not known.
func (s *search) hear(now said) string {
	now.bytes = bytes.Clone(now.bytes)
	s.told = append(s.told, now)
	s.bytes += len(now.bytes)
	switch {
	case now.answered: // only to what was recognised elsewhere does lodoor answer: see package gate
		return s.recognise(flow.FromClient)
	case now.skipped > 0, s.bytes > searchMax:
		return foundNothing
	}
	s.first[now.dir] = append(s.first[now.dir], now.bytes[:min(len(now.bytes), recogniseMax-len(s.first[now.dir]))]...)
	return s.recognise(now.dir)
}

func (s *search) recognise(d flow.Direction) string { return recognise(d, s.first[d]) }

// tell tells a decoder what was told to the search.
func (s said) tell(d decoder) error {
	switch {
	case s.answered:
		return d.Answered(s.at, s.skipped, s.bytes)
	case s.skipped > 0:
		return d.Skipped(s.dir, s.at, s.skipped)
	}
	return d.Data(s.dir, s.at, s.bytes)
}
