package lanetest

import (
	"errors"
	"runtime"
	"slices"
	"sort"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// talk is a random session of a client that speaks in messages, and a gate that lets whole ones pass.
type talk struct {
	ends    []uint64 // of the messages, in the stream
	refused uint64   // where a message begins that is refused; never if it is beyond what is sent
	done    uint64   // where the gate is done
	cuts    []int    // what the client writes at once
	waits   []bool   // whether it then waits until the lane has read that
	resets  bool     // how the client ends
	answer  int      // what the backend sends meanwhile
	early   bool     // whether it closes its side behind that, or at the client's end
}

// never is an offset that no stream has.
const never = 1 << 40

// drawTalk draws messages of up to a little more than may be held, and a client that sends them, or not quite.
func drawTalk(t *rapid.T, resets bool) talk {
	size := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 5000), rapid.IntRange(flow.GateMax-3, flow.GateMax+3))
	var x talk
	var at uint64
	begins := []uint64{0}
	for _, n := range rapid.SliceOfN(size, 0, 8).Draw(t, "messages") {
		at += uint64(n)
		x.ends = append(x.ends, at)
		begins = append(begins, at)
	}
	x.refused, x.done = never, never
	switch rapid.SampledFrom([]string{"passes", "refuses", "is done"}).Draw(t, "gate") {
	case "refuses":
		x.refused = rapid.SampledFrom(begins).Draw(t, "refuses at")
	case "is done":
		x.done = rapid.SampledFrom(begins).Draw(t, "done at")
	}
	x.cuts = rapid.SliceOfN(size, 0, 8).Draw(t, "cuts")
	if rapid.Bool().Draw(t, "sends all") {
		if rest := int(at) - x.sent(); rest > 0 {
			x.cuts = append(x.cuts, rest)
		}
	}
	x.waits = rapid.SliceOfN(rapid.Bool(), len(x.cuts), len(x.cuts)).Draw(t, "waits")
	x.resets = resets && rapid.Bool().Draw(t, "resets")
	x.answer = rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 1<<20)).Draw(t, "answer")
	x.early = rapid.Bool().Draw(t, "backend closes early")
	return x
}

func (x talk) sent() (n int) {
	for _, cut := range x.cuts {
		n += cut
	}
	return n
}

// inspect is the script of the gate.
func (x talk) inspect(passed uint64, held []byte, _ bool) flow.GateAnswer {
	n := passed + uint64(len(held))
	switch {
	case n > x.refused:
		return flow.GateAnswer{Refuse: refused()}
	case n >= x.done:
		return flow.GateAnswer{Done: true}
	}
	whole := sort.Search(len(x.ends), func(i int) bool { return x.ends[i] > n })
	if whole == 0 || x.ends[whole-1] < passed {
		return flow.GateAnswer{}
	}
	return flow.GateAnswer{Pass: int(x.ends[whole-1] - passed)}
}

// fate is what must become of a session.
type fate struct {
	passes  uint64 // exactly, or when it is refused at most
	refused bool
	rule    string // of the refusal; empty is the gate's own
	atEnd   bool   // it is refused only because of the client's FIN
}

// fate tells what must become of the first n bytes, however they are cut: it goes from message to message, and the last
// of them has no end.
func (x talk) fate(n uint64) fate {
	var begin uint64
	for _, end := range append(slices.Clone(x.ends), never) {
		switch {
		case begin == n || begin >= x.done:
			return fate{passes: n}
		case begin >= x.refused:
			return fate{passes: begin, refused: true}
		case end-begin > flow.GateMax && n-begin >= flow.GateMax:
			return fate{passes: begin, refused: true, rule: "gate.held"}
		case n < end:
			return fate{passes: begin, refused: true, rule: "gate.held", atEnd: true}
		}
		begin = end
	}
	return fate{passes: begin}
}

// gateRandom compares random sessions with what must become of them.
func (k kit) gateRandom(t *testing.T) {
	l := k.newLane(t)
	defer closeLane(t, l)
	rapid.Check(t, func(rt *rapid.T) {
		x := drawTalk(rt, k.network.resets() && !portable)
		g := &keeper{script: x.inspect}
		s := k.openOn(t, l, lane.Pair{Gate: g})
		p := x.play(s)
		o := s.outcome(t)
		_, passed, wrong := g.seen()
		if wrong != nil {
			rt.Errorf("gate: %v", wrong)
		}
		x.check(rt, p, o, passed)
	})
}

// played is what both ends saw.
type played struct {
	client, backend        uint64 // bytes that they read
	clientEnded, backEnded error
}

func (x talk) play(s *session) (p played) {
	var all sync.WaitGroup
	all.Go(func() { x.speak(s) })
	all.Go(func() { p.client, p.clientEnded = fromBackend.rest(s.Client) })
	closes := make(chan struct{})
	all.Go(func() {
		_, _ = s.Backend.Write(fromBackend.bytes(x.answer))
		if !x.early {
			<-closes
		}
		closeWriteQuietly(s.Backend)
	})
	p.backend, p.backEnded = fromClient.rest(s.Backend)
	close(closes)
	all.Wait()
	_ = s.Client.Close()
	_ = s.Backend.Close()
	return p
}

// speak is what the client does.
func (x talk) speak(s *session) {
	var at uint64
	for i, n := range x.cuts {
		if _, err := s.Client.Write(fromClient.fill(make([]byte, n), at)); err != nil {
			return // it was refused
		}
		at += uint64(n)
		for x.waits[i] && len(s.outcomes) == 0 {
			if up, _ := s.control.Counts(); up >= at {
				break
			}
			runtime.Gosched()
		}
	}
	if x.resets {
		reset(s.Client)
	} else {
		closeWriteQuietly(s.Client)
	}
}

func (x talk) check(t *rapid.T, p played, o flow.Outcome, passed uint64) {
	n := uint64(x.sent())
	if x.resets {
		n = min(n, o.FromClient)
	}
	want := x.fate(n)
	if x.resets && want.atEnd {
		want.refused = false // a reset is no end of which the gate is asked
	}
	if errors.Is(p.backEnded, errWrong) || errors.Is(p.clientEnded, errWrong) {
		t.Errorf("client: %v; backend: %v", p.clientEnded, p.backEnded)
	}
	switch {
	case want.refused:
		if o.End != flow.EndDenied || o.Refused == nil || want.rule != "" && o.Refused.Rule != want.rule {
			t.Errorf("ended %s with %v, want denied by %q", o.End, o.Refused, want.rule)
		}
		if p.backend > want.passes || p.backend > passed {
			t.Errorf("backend heard %d bytes of at most %d, the gate let %d pass", p.backend, want.passes, passed)
		}
	case x.resets:
		if o.End != flow.EndReset || o.EndedBy != flow.SideClient || p.backend != want.passes {
			t.Errorf("ended %s (%s) by %s, backend heard %d; want reset by client, %d",
				o.End, o.Detail, o.EndedBy, p.backend, want.passes)
		}
	case o.End != flow.EndFIN || p.backend != n || p.client != uint64(x.answer):
		t.Errorf("ended %s (%s), backend heard %d, client %d; want fin, %d, %d", o.End, o.Detail, p.backend, p.client, n, x.answer)
	}
}
