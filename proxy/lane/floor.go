package lane

import (
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// floor says who speaks to a client: lodoor may, for a gate, until the backend does. Both halves of a session of the
// copy lane want it; in a loop they cannot at the same time.
type floor struct {
	mu    sync.Mutex
	taken floorTaken
}

type floorTaken uint8

const (
	floorFree   floorTaken = iota
	floorSpoken            // the backend has spoken
	floorClosed            // it has closed its side and never will
)

// takeFloor is called before the backend's first byte, or its FIN, goes to the client. The first of them counts. A session
// without a gate has nothing to settle.
func (g *gating) takeFloor(how floorTaken) {
	if g == nil {
		return
	}
	f := &g.floor
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken == floorFree {
		f.taken = how
	}
}

// answer does what the gate has said: its reply goes to the client, ahead of all that the backend says, and the tap is
// told. It answers whether the direction goes on.
func (h *half) answer(x sifted) bool {
	s, f := h.session, &h.session.gating.floor
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(x.reply) > 0 {
		switch f.taken {
		case floorSpoken:
			s.gating.refused = interrupts()
			s.end(refusal{s.gating.refused}, flow.SideLodoor)
			return false
		case floorClosed:
			x.reply = nil // the client reads the end of the stream
		case floorFree:
			if err := h.src.writeNow(x.reply); err != nil {
				s.end(unanswered(err), h.from)
				return false
			}
		}
	}
	if t := s.tapping; t != nil {
		t.tap.Answered(time.Now(), uint64(x.taken), x.reply)
	}
	return true
}
