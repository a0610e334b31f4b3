package lanetest

import (
	"net"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// refusing is a gate that refuses, or has the lane refuse, what a client sends.
type refusing struct {
	name   string
	as     script
	sends  uint64
	closes bool   // its side, behind that
	passes uint64 // at most
	rule   string // of the verdict; empty is the gate's own
}

func refusals() []refusing {
	no := always(flow.GateAnswer{Refuse: refused(), Done: true, Pass: 1}) // which mean nothing
	atEnd := func(refuse, otherwise script) script {
		return func(passed uint64, held []byte, eof bool) flow.GateAnswer {
			if eof {
				return refuse(passed, held, eof)
			}
			return otherwise(passed, held, eof)
		}
	}
	return []refusing{
		{name: "the first byte", as: no, sends: 1},
		{name: "what was held", as: holdUntil(40_000, no), sends: 40_000},
		{name: "behind what passed", as: before(100_000, passAll, no), sends: 100_000, passes: 99_999},
		{name: "behind pieces", as: before(100_000, pieces(1000), no), sends: 100_000, passes: 99_000},
		{name: "a long stream", as: holdUntil(1000, no), sends: 8 << 20},
		{name: "nothing passes", as: hold, sends: flow.GateMax, rule: "gate.held"},
		{name: "a piece too long", as: pieces(flow.GateMax + 1), sends: 1 << 20, rule: "gate.held"},
		{name: "nothing passes any more", as: before(30_000, passAll, hold), sends: 100_000, passes: 29_999, rule: "gate.held"},
		{name: "the end", as: atEnd(no, passAll), sends: 1000, closes: true, passes: 1000},
		{name: "the end alone", as: no, closes: true},
		{name: "what is held at the end", as: atEnd(no, hold), sends: 1000, closes: true},
		{name: "held at the end", as: hold, sends: 1000, closes: true, rule: "gate.held"},
		{name: "a piece held at the end", as: pieces(400), sends: 1000, closes: true, passes: 800, rule: "gate.held"},
		{name: "too much", as: func(_ uint64, held []byte, _ bool) flow.GateAnswer {
			return flow.GateAnswer{Pass: len(held) + 1}
		}, sends: 100, rule: "gate.fault"},
		{name: "too little", as: always(flow.GateAnswer{Pass: -1}), sends: 100, rule: "gate.fault"},
		{name: "takes too much", as: func(_ uint64, held []byte, _ bool) flow.GateAnswer {
			return flow.GateAnswer{Take: len(held) + 1, Done: true}
		}, sends: 100, rule: "gate.fault"},
		{name: "takes too little", as: always(flow.GateAnswer{Take: -1}), sends: 100, rule: "gate.fault"},
		{name: "takes what it lets pass", as: func(_ uint64, held []byte, _ bool) flow.GateAnswer {
			return flow.GateAnswer{Take: 1, Pass: len(held)}
		}, sends: 100, rule: "gate.fault"},
		{name: "says too much", as: always(flow.GateAnswer{Done: true, Reply: make([]byte, flow.ReplyMax+1)}), sends: 100, rule: "gate.fault"},
		{name: "too much of nothing", as: atEnd(always(flow.GateAnswer{Pass: 1}), passAll), closes: true, rule: "gate.fault"},
	}
}

func refused() *flow.Verdict {
	return &flow.Verdict{Rule: "gate.test", Cause: flow.CauseHost, Reason: "it is refused by the test"}
}

// gateRefuses has clients be refused, also when the backend has closed its side already, so that nothing is missing but
// the client's FIN.
func (k kit) gateRefuses(t *testing.T) {
	for _, r := range refusals() {
		t.Run(r.name, func(t *testing.T) { k.refuse(t, r, nothing) })
		t.Run(r.name+", backend closed", func(t *testing.T) { k.refuse(t, r, closeWriteQuietly) })
	}
}

func (k kit) refuse(t *testing.T, r refusing, backend func(net.Conn)) {
	w := &witness{t: t}
	g := k.guard(t, r.as, lane.Pair{Tap: w})
	backend(g.Backend)
	fromClient.sendQuietly(t, g.Client, int(r.sends), r.closes)
	o := g.outcome(t)
	err := <-g.ended
	if k.network.backend != "unix" && !isReset(err) {
		t.Errorf("backend: %s, want a reset", ended(err))
	}
	if heard := g.heard.Load(); heard > r.passes {
		t.Errorf("backend heard %d bytes, at most %d passed", heard, r.passes)
	}
	_, passed, _ := g.gate.seen()
	checkRefused(t, o, r.rule)
	if o.FromClient < passed || o.FromClient > r.sends {
		t.Errorf("%d bytes from the client, which sent %d; %d passed", o.FromClient, r.sends, passed)
	}
	w.checkEnd(t, o)
	w.checkHeard(t, flow.FromClient, g.heard.Load(), false)
	if written := w.written[flow.FromClient]; written > passed {
		t.Errorf("the tap was told that %d bytes were written, of %d that passed", written, passed)
	}
	if w.shut[flow.FromClient] {
		t.Error("the tap was told of a FIN that was not passed")
	}
	if !r.closes {
		for err = nil; !isReset(err); {
			if _, err = g.Client.Write([]byte{0}); err != nil && !isReset(err) {
				t.Fatalf("client: %s, want a reset", ended(err))
			}
		}
	}
}

// checkRefused compares the outcome with the verdict of the rule, or with the test's own.
func checkRefused(t *testing.T, o flow.Outcome, rule string) {
	t.Helper()
	if o.End != flow.EndDenied || o.EndedBy != flow.SideLodoor || o.Refused == nil {
		t.Fatalf("ended %s by %q (%s) with verdict %v, want denied by lodoor with a verdict", o.End, o.EndedBy, o.Detail, o.Refused)
	}
	want := *refused()
	switch rule {
	case "gate.held":
		want = flow.Verdict{Rule: rule, Cause: flow.CauseProtocol, Reason: o.Refused.Reason}
	case "gate.fault":
		want = flow.Verdict{Rule: rule, Cause: flow.CauseInternal, Reason: o.Refused.Reason}
	}
	if *o.Refused != want || o.Detail != want.Reason || want.Reason == "" {
		t.Errorf("verdict %+v, detail %q, want %+v", *o.Refused, o.Detail, want)
	}
}

// sendQuietly is send for a client whose connection may be torn meanwhile.
func (s stream) sendQuietly(t *testing.T, c net.Conn, n int, closes bool) {
	s.sendLate(t, c, n, func(c net.Conn) {
		if closes {
			closeWriteQuietly(c)
		}
	})
}

// gateRefusesAlthough has all that the client does be there before the lane looks at it: that its connection is closed
// or gone already must not keep what it sent from being refused.
func (k kit) gateRefusesAlthough(t *testing.T) {
	no := always(flow.GateAnswer{Refuse: refused()})
	for name, act := range map[string]func(net.Conn){"the client has closed": closeWriteQuietly, "the client has reset": reset} {
		t.Run(name, func(t *testing.T) {
			if portable {
				t.Skip("not promised by the portable sockets")
			}
			l := k.newLane(t)
			s := k.connect(t, l, lane.Pair{Gate: &keeper{script: no}})
			fromClient.send(t, s.Client, 100)
			if k.network.client != "unix" { // there it is with the receiver at once
				acknowledged(t, s.Client)
			}
			act(s.Client)
			closeWriteQuietly(s.Backend)
			s.start(t)
			o := s.outcome(t)
			checkRefused(t, o, "")
			if n, err := fromClient.rest(s.Backend); n > 0 || k.network.backend != "unix" && !isReset(err) {
				t.Errorf("backend: %d bytes, then %s; want none, then a reset", n, ended(err))
			}
			if o.FromClient != 100 {
				t.Errorf("%d bytes from the client, want 100", o.FromClient)
			}
			closeLane(t, l)
		})
	}
}
