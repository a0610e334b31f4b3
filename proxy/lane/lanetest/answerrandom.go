package lanetest

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// exchange is a random talk between a client and a gate, which answers the first messages itself.
type exchange struct {
	ends   []uint64 // of these messages, in the stream
	reply  int      // how long the gate's replies are
	behind int      // how much the client sends afterwards, which passes
	done   bool     // whether the gate is done then
	cuts   []int    // what the client writes at once, as long as it lasts
	tapped bool
}

func drawExchange(t *rapid.T) exchange {
	var x exchange
	var at uint64
	for range rapid.IntRange(1, 6).Draw(t, "messages") {
		at += uint64(rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 9000)).Draw(t, "length"))
		x.ends = append(x.ends, at)
	}
	x.reply = rapid.IntRange(0, flow.ReplyMax/len(x.ends)).Draw(t, "reply")
	x.behind = rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 200_000)).Draw(t, "behind")
	x.done = rapid.Bool().Draw(t, "done")
	x.cuts = rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 20_000)), 0, 10).Draw(t, "cuts")
	x.tapped = rapid.Bool().Draw(t, "tapped")
	return x
}

// taken is how much of the stream the gate takes.
func (x exchange) taken() uint64 { return x.ends[len(x.ends)-1] }

// said is what the gate says in all.
func (x exchange) said() []byte { return fromClient.bytes(x.reply * len(x.ends)) }

// inspect is the script of the gate: it takes whole messages, and says its next words for each.
func (x exchange) inspect(passed uint64, held []byte, _ bool) flow.GateAnswer {
	var a flow.GateAnswer
	n := passed + uint64(len(held))
	for i, end := range x.ends {
		if end > passed && end <= n {
			a.Take = int(end - passed)
			a.Reply = append(a.Reply, x.said()[i*x.reply:(i+1)*x.reply]...)
		}
	}
	if n >= x.taken() {
		a.Pass, a.Done = len(held)-a.Take, x.done
	}
	return a
}

// answerRandom compares random exchanges with what must become of them.
func (k kit) answerRandom(t *testing.T) {
	l := k.newLane(t)
	defer closeLane(t, l)
	rapid.Check(t, func(rt *rapid.T) {
		x := drawExchange(rt)
		w, g := &witness{t: t}, &keeper{script: x.inspect}
		p := lane.Pair{Gate: g}
		if x.tapped {
			p.Tap = w
		}
		s := k.openOn(t, l, p)
		x.play(rt, s)
		o := s.outcome(t)
		if o.End != flow.EndFIN || o.FromClient != x.taken()+uint64(x.behind) || o.FromBackend != 100 {
			rt.Errorf("ended %s (%s) after %d and %d bytes", o.End, o.Detail, o.FromClient, o.FromBackend)
		}
		if _, passed, wrong := g.seen(); wrong != nil || g.taken != x.taken() || passed < g.taken {
			rt.Errorf("gate: %v; %d bytes were taken", wrong, g.taken)
		}
		if x.tapped {
			w.checkEnd(t, o)
			w.checkHeard(t, flow.FromClient, uint64(x.behind), true)
			if w.taken != x.taken() || string(w.replies) != string(x.said()) {
				rt.Errorf("tap: %d bytes were taken, and %d replied; want %d and %d, or others",
					w.taken, len(w.replies), x.taken(), len(x.said()))
			}
		}
	})
}

// play has the client send all in pieces, hear the gate out, and then the backend, which answers at the end.
func (x exchange) play(t *rapid.T, s *session) {
	defer func() { _ = s.Client.Close(); _ = s.Backend.Close() }()
	all := fromClient.bytes(int(x.taken()) + x.behind)
	wrote := make(chan error, 1)
	go func() {
		rest := all
		for _, cut := range append(x.cuts, len(all)) {
			n := min(cut, len(rest))
			if _, err := s.Client.Write(rest[:n]); err != nil {
				wrote <- err
				return
			}
			rest = rest[n:]
		}
		closeWriteQuietly(s.Client)
		wrote <- nil
	}()
	if err := hears(s.Client, x.said()); err != nil {
		t.Errorf("client hears the gate: %v", err)
	}
	if err := hears(s.Backend, all[x.taken():]); err != nil {
		t.Errorf("backend: %v", err)
	}
	if _, err := s.Backend.Write(fromBackend.bytes(100)); err != nil {
		t.Errorf("backend: %v", err)
	}
	_ = s.Backend.Close()
	if err := hears(s.Client, fromBackend.bytes(100)); err != nil {
		t.Errorf("client hears the backend: %v", err)
	}
	if err := <-wrote; err != nil {
		t.Errorf("client: %v", err)
	}
}
