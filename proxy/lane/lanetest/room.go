package lanetest

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// holder is a witness that has no room for a direction whenever it is told to.
type holder struct {
	witness

	mu    sync.Mutex
	full  [2]bool
	wakes [2]func() // of directions that wait
}

func (h *holder) Room(d flow.Direction, wake func()) bool {
	h.witness.Room(d, wake)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wakes[d] != nil {
		h.t.Errorf("tap: asked for room of %s again, and nobody has woken it", d)
	}
	if h.full[d] {
		h.wakes[d] = wake
	}
	return !h.full[d]
}

// hold has no more room for d.
func (h *holder) hold(d flow.Direction) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.full[d] = true
}

// waits waits until the lane has asked for room in vain.
func (h *holder) waits(t *testing.T, d flow.Direction) {
	t.Helper()
	testkit.Wait(t, "the lane to ask for room", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.wakes[d] != nil
	}, Patience)
}

// open has room for d again, and tells that if somebody waits.
func (h *holder) open(d flow.Direction) {
	h.mu.Lock()
	wake := h.wakes[d]
	h.full[d], h.wakes[d] = false, nil
	h.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// room is what a lane owes a tap that has none.
func (k kit) room(t *testing.T) {
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		t.Run("held "+d.String(), func(t *testing.T) { k.roomHeld(t, d) })
	}
	t.Run("in turns", k.roomInTurns)
	t.Run("at once", k.roomAtOnce)
	t.Run("with a gate", k.roomGated)
	t.Run("ends", k.roomEnds)
	t.Run("reset, then room", k.roomAfterReset)
}

// way is one direction of a session as its ends see it.
type way struct {
	from, to net.Conn
	of       stream
}

func (s *session) way(d flow.Direction) way {
	if d == flow.FromBackend {
		return way{s.Backend, s.Client, fromBackend}
	}
	return way{s.Client, s.Backend, fromClient}
}

// roomHeld holds a direction from its first byte: nothing of it is read, not even its end, while the other one goes on.
// Somebody else then makes room.
func (k kit) roomHeld(t *testing.T, d flow.Direction) {
	h := &holder{witness: witness{t: t}}
	h.hold(d)
	s := k.open(t, lane.Pair{Tap: h})
	held, free := s.way(d), s.way(1-d)
	const n = 3000
	held.of.send(t, held.from, n)
	closeWrite(t, held.from)
	h.waits(t, d)
	wrote := free.of.sendLate(t, free.from, 4<<20, closeWriteQuietly)
	if m, err := free.of.rest(free.to); m != 4<<20 || err != nil {
		t.Errorf("the other direction: %d bytes, then %s", m, ended(err))
	}
	if err := <-wrote; err != nil {
		t.Errorf("the other direction: %v", err)
	}
	if counts := counted(s); counts[d] != 0 || h.seen(d) != 0 {
		t.Errorf("%d bytes were read, of which the tap was told %d; it had no room", counts[d], h.seen(d))
	}
	go h.open(d)
	if m, err := held.of.rest(held.to); m != n || err != nil {
		t.Errorf("with room: %d of %d bytes, then %s", m, n, ended(err))
	}
	o := s.outcome(t)
	if o.End != flow.EndFIN {
		t.Errorf("ended %s (%s), want fin", o.End, o.Detail)
	}
	h.checkEnd(t, o)
}

func counted(s *session) [2]uint64 {
	up, down := s.control.Counts()
	return [2]uint64{up, down}
}

// roomInTurns has long streams both ways, and a tap that is full again and again until another goroutine makes room.
func (k kit) roomInTurns(t *testing.T) {
	h := &turns{holder: holder{witness: witness{t: t}}, asked: make(chan flow.Direction, 2)}
	s := k.open(t, lane.Pair{Tap: h})
	var opener sync.WaitGroup
	opener.Go(func() {
		for d := range h.asked {
			h.open(d)
		}
	})
	k.bothWays(t, s, 4<<20)
	h.checkEnd(t, s.outcome(t))
	close(h.asked)
	opener.Wait()
}

// turns is a holder that is full at every second question.
type turns struct {
	holder
	asked chan flow.Direction // in vain
	times [2]int
}

func (x *turns) Room(d flow.Direction, wake func()) bool {
	x.mu.Lock()
	x.times[d]++
	full := x.times[d]%2 == 1
	x.full[d] = full
	x.mu.Unlock()
	is := x.holder.Room(d, wake)
	if full {
		x.asked <- d // there is room for both directions, each of which waits once
	}
	return is
}

// bothWays sends n bytes in both directions at once, each with FIN behind it.
func (k kit) bothWays(t *testing.T, s *session, n int) {
	t.Helper()
	var both sync.WaitGroup
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		w := s.way(d)
		w.of.sendLate(t, w.from, n, closeWriteQuietly)
		both.Go(func() {
			if m, err := w.of.rest(w.to); m != uint64(n) || err != nil {
				t.Errorf("%s: %d of %d bytes, then %s", d, m, n, ended(err))
			}
		})
	}
	both.Wait()
}

// atOnce is a tap that says no, and before that that there is room again.
type atOnce struct {
	witness
	times [2]int
}

func (x *atOnce) Room(d flow.Direction, wake func()) bool {
	x.witness.Room(d, wake)
	x.mu.Lock()
	x.times[d]++
	full := x.times[d]%3 > 0
	x.mu.Unlock()
	if full {
		wake()
	}
	return !full
}

func (k kit) roomAtOnce(t *testing.T) {
	w := &atOnce{witness: witness{t: t}}
	s := k.open(t, lane.Pair{Tap: w})
	k.bothWays(t, s, 1<<20)
	w.checkEnd(t, s.outcome(t))
}

// roomGated has a gate that is not asked about what is not read.
func (k kit) roomGated(t *testing.T) {
	h := &holder{witness: witness{t: t}}
	g := k.guard(t, pieces(1000), lane.Pair{Tap: h})
	g.sends(t, 0, 1500)
	g.arrives(t, 1000)
	h.hold(flow.FromClient)
	g.sends(t, 1500, 1600) // may be read yet: it was asked for before
	h.waits(t, flow.FromClient)
	g.sends(t, 1600, 3000)
	asked, _, _ := g.gate.seen()
	go h.open(flow.FromClient)
	g.arrives(t, 3000)
	closeWrite(t, g.Client)
	if err := <-g.ended; err != nil {
		t.Errorf("backend: %s", ended(err))
	}
	_ = g.Backend.Close()
	h.checkEnd(t, g.outcome(t))
	if again, _, _ := g.gate.seen(); again <= asked {
		t.Errorf("the gate was asked %d times, before there was room %d", again, asked)
	}
}

// roomEnds ends sessions that wait for room: it is as if the other side took nothing. Room comes when they are over, and
// when the lane is closed.
func (k kit) roomEnds(t *testing.T) {
	both := []flow.Direction{flow.FromClient, flow.FromBackend}
	for _, e := range []struct {
		ending
		idle time.Duration
	}{
		{ending: ending{"killed", false, kill(flow.EndKilled), flow.EndKilled, flow.SideLodoor, false}},
		{ending: ending{"idle", false, func(*testing.T, *session) {}, flow.EndIdleTimeout, flow.SideLodoor, true}, idle: timeout},
		{ending: ending{"client resets", true, func(_ *testing.T, s *session) { reset(s.Client) }, flow.EndReset, flow.SideClient, true}},
		{ending: ending{"backend resets", true, func(_ *testing.T, s *session) { reset(s.Backend) }, flow.EndReset, flow.SideBackend, true}},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel() // a reset is waited for
			if e.resets && (!k.network.resets() || portable) {
				t.Skip("needs resets, and sockets that tell of one that nobody reads")
			}
			h := &holder{witness: witness{t: t}}
			h.hold(flow.FromClient)
			h.hold(flow.FromBackend)
			l := k.newLane(t)
			s := k.openOn(t, l, lane.Pair{Tap: h, Idle: e.idle})
			for _, d := range both {
				w := s.way(d)
				w.of.send(t, w.from, 1000)
				h.waits(t, d)
			}
			e.act(t, s)
			o := s.outcome(t)
			if o.End != e.end || o.EndedBy != e.by || o.FromClient+o.FromBackend > 0 {
				t.Errorf("ended %s by %q after %d bytes, want %s by %q", o.End, o.EndedBy, o.FromClient+o.FromBackend, e.end, e.by)
			}
			h.checkEnd(t, o)
			h.open(flow.FromClient)
			closeLane(t, l)
			h.open(flow.FromBackend)
		})
	}
}

// roomAfterReset has a client send something and reset while there is no room for it. Then there is.
func (k kit) roomAfterReset(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and what was sent before them")
	}
	h := &holder{witness: witness{t: t}}
	h.hold(flow.FromClient)
	s := k.open(t, lane.Pair{Tap: h})
	fromClient.send(t, s.Client, 1000)
	acknowledged(t, s.Client)
	h.waits(t, flow.FromClient)
	reset(s.Client)
	h.open(flow.FromClient)
	if n, err := fromClient.rest(s.Backend); n != 1000 || !isReset(err) {
		t.Errorf("backend: %d of 1000 bytes, then %s", n, ended(err))
	}
	o := s.outcome(t)
	if o.End != flow.EndReset || o.EndedBy != flow.SideClient {
		t.Errorf("ended %s by %q, want reset by client", o.End, o.EndedBy)
	}
	h.checkEnd(t, o)
	h.checkHeard(t, flow.FromClient, 1000, true)
}
