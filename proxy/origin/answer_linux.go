package origin

import (
	"context"

	"github.com/lodoor/lodoor/proxy/flow"
)

// answer tells who holds a socket.
func (s *search) answer(ctx context.Context, q *quarry) {
	for _, k := range q.seeks {
		if !k.over {
			k.answer(s.origin(ctx, k, q.holders))
		}
	}
}

// origin is what is known of a peer, and its processes. The user stays that of the socket, where it is known. The process
// is the one that connected, where the kernel tells, whether it holds the socket still or not.
func (s *search) origin(ctx context.Context, k *seek, holders []*holder) flow.Origin {
	o := k.known
	o.Attribution, o.Process = flow.AttributionLiveSocket, foremost(holders)
	if k.connected != nil {
		o.Attribution, o.Process = flow.AttributionExactConnect, k.connected.among(holders)
	}
	p := o.Process
	if !k.known.Known() {
		o.UID, o.User = p.UID, p.User
	}
	o.PID, o.Program, o.Holders, o.Forwarder = p.PID, p.Program, nil, nil
	for _, h := range holders {
		if len(holders) > 1 || h.process != p {
			o.Holders = append(o.Holders, h.process)
		}
		if f := s.forwards(ctx, h); f != nil && (o.Forwarder == nil || h.process == p) {
			o.Forwarder = f
		}
	}
	if o.Forwarder == nil && k.connected != nil {
		o.Forwarder = s.forwards(ctx, k.connected)
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
