package lanetest

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// gates is what a lane owes a session that has a gate.
func (k kit) gates(t *testing.T) {
	t.Run("pieces", k.gatePieces)
	t.Run("done", k.gateDone)
	t.Run("backend speaks meanwhile", k.gateOtherWay)
	t.Run("half closed", k.gateHalfClosed)
	t.Run("backpressure", k.gateBackpressure)
	t.Run("refuses", k.gateRefuses)
	t.Run("refuses although", k.gateRefusesAlthough)
	t.Run("ends while held", k.gateEnds)
	t.Run("no false end", k.gateNoFalseEnd)
	t.Run("random", k.gateRandom)
}

// gateUnnoticed has a gate that lets everything pass, and is never done: everything must be as without it.
func (k kit) gateUnnoticed(t *testing.T) {
	t.Run("Conn", k.conn)
	t.Run("Behaviour", k.behaviours)
	t.Run("Outcome", k.outcomes)
	t.Run("Timeout", k.timeouts)
	t.Run("InTime", k.inTime)
	t.Run("Flush", k.flush)
	t.Run("Bulk", k.bulk)
	t.Run("Backpressure", k.backpressure)
	t.Run("Tap", k.tap)
	t.Run("Kill", k.kill)
	t.Run("Random", k.random)
}

// guarded is a session with a gate, and what its backend hears.
type guarded struct {
	*session
	gate  *keeper
	heard atomic.Uint64
	ended chan error
}

// guard opens a session whose backend reads.
func (k kit) guard(t *testing.T, as script, p lane.Pair) *guarded {
	t.Helper()
	g := &guarded{gate: &keeper{script: as}, ended: make(chan error, 1)}
	p.Gate = g.gate
	g.session = k.open(t, p)
	go func() { g.ended <- fromClient.drain(g.Backend, &g.heard) }()
	return g
}

// sends has the client write the stream's bytes from one offset to another.
func (g *guarded) sends(t *testing.T, from, to uint64) {
	t.Helper()
	if _, err := g.Client.Write(fromClient.fill(make([]byte, to-from), from)); err != nil {
		t.Fatalf("client: %v", err)
	}
}

// arrives waits until the backend has heard n bytes.
func (g *guarded) arrives(t *testing.T, n uint64) {
	t.Helper()
	testkit.Wait(t, "the backend to hear what the gate let pass", func() bool { return g.heard.Load() == n }, Patience)
}

// gatePieces has a gate that lets ten bytes at a time pass be given them in all kinds of pieces.
func (k kit) gatePieces(t *testing.T) {
	g := k.guard(t, pieces(10), lane.Pair{})
	var at uint64
	for _, n := range []uint64{1, 5, 4, 9, 1, 25, 100_003, 3, 9, 64 << 10, 1 << 20, 4, 3, 5} {
		g.sends(t, at, at+n)
		at += n
		g.carried(t, at, 0)
		g.arrives(t, at-at%10)
	}
	g.sends(t, at, at+10-at%10)
	at += 10 - at%10
	closeWrite(t, g.Client)
	if err := <-g.ended; err != nil || g.heard.Load() != at {
		t.Errorf("backend: %d of %d bytes, then %s", g.heard.Load(), at, ended(err))
	}
	_ = g.Backend.Close()
	if o := g.outcome(t); o.End != flow.EndFIN || o.FromClient != at || o.Refused != nil {
		t.Errorf("ended %s (%s) after %d bytes, want fin after %d", o.End, o.Detail, o.FromClient, at)
	}
}

// gateDone has gates that are done at some point of a long stream: nothing may be lost or change places there, and they
// are not asked again, which they check.
func (k kit) gateDone(t *testing.T) {
	done := always(flow.GateAnswer{Done: true})
	for name, as := range map[string]script{
		"at once": done, "after held": holdUntil(40_000, done), "after all passed": before(200_000, passAll, done),
		"after pieces": before(200_000, pieces(1000), done), "at the end": lag,
	} {
		t.Run(name, func(t *testing.T) {
			const n = 12 << 20
			g := k.guard(t, as, lane.Pair{})
			fromClient.sendLate(t, g.Client, n, closeWriteQuietly)
			fromBackend.sendLate(t, g.Backend, n, closeWriteQuietly)
			if m, err := fromBackend.rest(g.Client); m != n || err != nil {
				t.Errorf("client: %d of %d bytes, then %s", m, n, ended(err))
			}
			if err := <-g.ended; err != nil || g.heard.Load() != n {
				t.Errorf("backend: %d of %d bytes, then %s", g.heard.Load(), n, ended(err))
			}
			if o := g.outcome(t); o.End != flow.EndFIN || o.FromClient != n || o.FromBackend != n {
				t.Errorf("ended %s (%s) after %d and %d bytes, want fin", o.End, o.Detail, o.FromClient, o.FromBackend)
			}
			if asked, _, _ := g.gate.seen(); name == "at once" && asked != 1 {
				t.Errorf("was asked %d times", asked)
			}
		})
	}
}

// gateOtherWay has the backend send megabytes while the client's bytes are held.
func (k kit) gateOtherWay(t *testing.T) {
	const n = 4 << 20
	g := k.guard(t, holdUntil(100, passAll), lane.Pair{})
	g.sends(t, 0, 99)
	g.carried(t, 99, 0)
	fromBackend.sendLate(t, g.Backend, n, nothing)
	fromBackend.expect(t, g.Client, n)
	if heard := g.heard.Load(); heard > 0 {
		t.Errorf("backend heard %d bytes that are held", heard)
	}
	g.sends(t, 99, 100)
	g.arrives(t, 100)
}

// gateHalfClosed closes one direction after the other while the last byte of the client's is always held.
func (k kit) gateHalfClosed(t *testing.T) {
	k.gate = lag
	for _, b := range Behaviours()[:2] {
		t.Run(b.Name, func(t *testing.T) {
			if got := b.See(t, k.open(t, lane.Pair{}).Ends); got != b.Want {
				t.Errorf("saw %q\nwant %q", got, b.Want)
			}
		})
	}
}

// gateBackpressure has a backend that takes nothing for a while: the client must be stopped, whatever the gate says.
func (k kit) gateBackpressure(t *testing.T) {
	for name, as := range map[string]script{"passes": passAll, "lags": lag, "passes pieces": pieces(40_000)} {
		t.Run(name, func(t *testing.T) {
			s := k.open(t, lane.Pair{Gate: &keeper{script: as}})
			up := fillUp(t, s.Client, fromClient)
			if up >= unbounded {
				t.Fatalf("not stopped after %d bytes", up)
			}
			var both sync.WaitGroup
			both.Go(func() { writeOn(t, s.Client, up, 40_000-up%40_000) })
			n, err := fromClient.rest(s.Backend)
			both.Wait()
			if want := up + 40_000 - up%40_000; n != uint64(want) || err != nil {
				t.Errorf("backend read %d of %d bytes, then %s", n, want, ended(err))
			}
		})
	}
}

// writeOn writes n bytes more of the client's stream, and its end.
func writeOn(t *testing.T, c net.Conn, at, n int) {
	if _, err := c.Write(fromClient.fill(make([]byte, n), uint64(at))); err != nil {
		t.Errorf("client: %v", err)
	}
	closeWriteQuietly(c)
}

// gateEnds ends sessions whose gate holds a part of what the client sent: it is dropped, and all else is as without it.
func (k kit) gateEnds(t *testing.T) {
	tests := []struct {
		ending
		pair lane.Pair
	}{
		{ending: ending{"client resets", true, func(_ *testing.T, s *session) { reset(s.Client) }, flow.EndReset, flow.SideClient, true}},
		{ending: ending{"backend resets", true, func(_ *testing.T, s *session) { reset(s.Backend) }, flow.EndReset, flow.SideBackend, true}},
		{ending: ending{"killed", false, kill(flow.EndKilled), flow.EndKilled, flow.SideLodoor, false}},
		{
			ending: ending{"idle", false, func(*testing.T, *session) {}, flow.EndIdleTimeout, flow.SideLodoor, true},
			pair:   lane.Pair{Idle: timeout, FirstByte: timeout / 2}, // its first byte has come
		},
	}
	for _, e := range tests {
		t.Run(e.name, func(t *testing.T) {
			if e.resets && (!k.network.resets() || portable) {
				t.Skip("needs resets, and what was sent before them")
			}
			const sent, passes = 1500, 1000
			g := k.guard(t, pieces(passes), e.pair)
			g.sends(t, 0, sent)
			g.carried(t, sent, 0)
			g.arrives(t, passes)
			e.act(t, g.session)
			o := g.outcome(t)
			if o.End != e.end || o.EndedBy != e.by || o.Refused != nil || o.FromClient != sent {
				t.Errorf("ended %s by %q (%v) after %d bytes, want %s by %q after %d",
					o.End, o.EndedBy, o.Refused, o.FromClient, e.end, e.by, sent)
			}
			if hasTCP := o.ClientTCP != nil; hasTCP != (e.measured && !portable && k.network.client != "unix") {
				t.Errorf("TCP_INFO of the client leg: %v", o.ClientTCP)
			}
			err := <-g.ended
			if e.by != flow.SideBackend && k.network.backend != "unix" && !isReset(err) {
				t.Errorf("backend: %s, want a reset", ended(err))
			}
			if heard := g.heard.Load(); heard != passes {
				t.Errorf("backend heard %d bytes of the %d that passed", heard, passes)
			}
		})
	}
}

// gateNoFalseEnd resets clients to whom the lane is writing, which may look like the end of the stream: the gate, which
// would refuse that, must not be asked.
func (k kit) gateNoFalseEnd(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and sockets that tell them from the end of a stream")
	}
	k.gate = func(_ uint64, held []byte, eof bool) flow.GateAnswer {
		if eof {
			return flow.GateAnswer{Refuse: refused()}
		}
		return flow.GateAnswer{Pass: len(held)}
	}
	k.noFalseFIN(t)
}
