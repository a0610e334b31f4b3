package lanetest

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// answerUntaken has a client that asks again and again and never reads: its session ends, and the backend hears nothing.
func (k kit) answerUntaken(t *testing.T) {
	if portable {
		t.Skip("the portable sockets wait until the client takes it")
	}
	reply := make([]byte, flow.ReplyMax)
	w := &witness{t: t}
	g := k.guard(t, func(_ uint64, held []byte, _ bool) flow.GateAnswer {
		return flow.GateAnswer{Take: len(held), Reply: reply}
	}, lane.Pair{Tap: w})
	setBuffer(g.Client, 1) // the kernel has a least size
	err := g.pair.Client.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1) })
	if err != nil {
		t.Fatal(err)
	}
	for at := uint64(0); len(g.outcomes) == 0; at++ {
		if _, err := g.Client.Write(fromClient.fill(make([]byte, 1), at)); err != nil {
			break // it has ended
		}
		testkit.Wait(t, "the gate to be asked, or the end", func() bool {
			_, passed, _ := g.gate.seen()
			return passed > at || len(g.outcomes) > 0
		}, Patience)
	}
	o := g.outcome(t)
	if o.End != flow.EndIOError || o.EndedBy != flow.SideClient || o.Detail == "" || o.Refused != nil {
		t.Errorf("ended %s by %q (%s), want io_error by client", o.End, o.EndedBy, o.Detail)
	}
	w.checkEnd(t, o)
	if err := <-g.ended; g.heard.Load() > 0 {
		t.Errorf("backend heard %d bytes, then %s", g.heard.Load(), ended(err))
	}
}
