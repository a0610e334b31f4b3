package origin

import (
	"context"

	"github.com/lodoor/lodoor/proxy/flow"
)

// answer tells who holds a socket.
func (s *search) answer(ctx context.Context, q *quarry) {
	for _, k := range q.seeks {
		if !k.over {
			k.answer(s.origin(ctx, flow.AttributionLiveSocket, k.known, q.holders))
		}
	}
}

// origin is what is known of a peer, and its processes. The user stays that of the socket, where it is known.
func (s *search) origin(ctx context.Context, a flow.Attribution, known flow.Origin, holders []*holder) flow.Origin {
	p := foremost(holders)
	o := known
	if !o.Known() {
		o.UID, o.User = p.UID, p.User
	}
	o.Attribution, o.PID, o.Program, o.Process = a, p.PID, p.Program, p
	for _, h := range holders {
		if len(holders) > 1 {
			o.Holders = append(o.Holders, h.process)
		}
		if f := s.forwards(ctx, h); f != nil && (o.Forwarder == nil || h.process == p) {
			o.Forwarder = f
		}
	}
	return o
}

// forwards says for whom a process speaks. That may change from one moment to the next, so that each search asks; as
// long as it does not the answer is the same pointer, for sessions share what is the same.
func (s *search) forwards(ctx context.Context, h *holder) *flow.Forwarder {
	if s.forwarder == nil {
		return nil
	}
	if h.asked != s.turn {
		f := s.forwarder(ctx, h.process)
		if f == nil || h.forwarder == nil || *f != *h.forwarder {
			h.forwarder = f
		}
		h.asked = s.turn
	}
	return h.forwarder
}
