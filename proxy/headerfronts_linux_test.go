package proxy

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// notHello refuses what begins with HELLO.
type notHello struct{ next flow.Gate }

func (hello) Unasked(next flow.Gate) flow.Gate { return notHello{next} }

func (g notHello) Inspect(held []byte, eof bool) flow.GateAnswer {
	switch {
	case bytes.HasPrefix(held, []byte("HELLO")):
		return flow.GateAnswer{Refuse: &flow.Verdict{Rule: ruleHeader, Cause: flow.CauseHeader, Reason: "unasked"}}
	case g.next == nil:
		return flow.GateAnswer{Done: true}
	}
	return g.next.Inspect(held, eof)
}

// A header is asked for at some of a service's fronts, and refused at the others; a reload may change at which.
func TestHeaderAtSomeFronts(t *testing.T) { onEachLane(t, testHeaderAtSomeFronts) }

func testHeaderAtSomeFronts(t *testing.T, open opener) {
	b, one, two := newBackend(t, "127.0.0.1:0"), freePort(t), freePort(t)
	service := func(asked ...uint16) []Service {
		s := Service{Name: "echo", Fronts: []flow.Endpoint{{Port: one}, {Port: two}}, Backend: b.endpoint(), Header: hello{20 * time.Second}}
		for _, port := range asked {
			s.HeaderFronts = append(s.HeaderFronts, flow.Endpoint{Port: port})
		}
		return []Service{s}
	}
	d := open(t, Config{Services: service(one)})
	for turn, asked := range []uint16{one, two} {
		plain := one + two - asked
		if turn > 0 {
			if err := d.Reload(service(asked), allowAll()); err != nil {
				t.Fatal(err)
			}
		}
		for port, first := range map[uint16]string{asked: "HELLO 7\n", plain: ""} {
			c := dial(t, at("127.0.0.1", port))
			if _, err := io.WriteString(c, first); err != nil {
				t.Fatal(err)
			}
			echo(t, c, "and more")
			_ = c.Close()
			opened := d.log.of(flow.EventSessionOpen)
			if last := opened[len(opened)-1]; (last.Peer.Conveyed != nil) != (port == asked) {
				t.Errorf("port %d: %+v", port, last.Peer)
			}
		}
		before := len(d.log.of(flow.EventSessionRefused))
		c := dial(t, at("127.0.0.1", asked))
		if _, err := io.WriteString(c, "no header, but a word"); err != nil {
			t.Fatal(err)
		}
		expectReset(t, c)
		d.log.waitFor(t, flow.EventSessionRefused, before+1)

		c = dial(t, at("127.0.0.1", plain))
		if _, err := io.WriteString(c, "HELLO 7\nand more"); err != nil {
			t.Fatal(err)
		}
		expectReset(t, c)
		denied := 0
		for _, r := range d.log.waitFor(t, flow.EventSessionClose, 3*(turn+1)) {
			if r.Outcome.End == flow.EndDenied {
				denied++
				if v := r.Outcome.Refused; v == nil || v.Rule != ruleHeader || r.Outcome.FromBackend != 0 {
					t.Errorf("turn %d: %+v", turn, r.Outcome)
				}
			}
		}
		if denied != turn+1 {
			t.Errorf("turn %d: %d sessions were denied", turn, denied)
		}
	}
	if err := d.Reload(service(9), allowAll()); err == nil {
		t.Error("a header is asked for at what is no front")
	}
}
