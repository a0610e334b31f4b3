package lanetest

import (
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// ending is a way in which a session ends, and what must be said of it.
type ending struct {
	name     string
	resets   bool // needs a network with resets
	act      func(t *testing.T, s *session)
	end      flow.End
	by       flow.Side
	measured bool // TCP_INFO of both legs
}

func endings() []ending {
	return []ending{
		{"client FIN first", false, inOrder(true), flow.EndFIN, flow.SideClient, false},
		{"backend FIN first", false, inOrder(false), flow.EndFIN, flow.SideBackend, false},
		{"client resets", true, func(_ *testing.T, s *session) { reset(s.Client) }, flow.EndReset, flow.SideClient, true},
		{"backend resets", true, func(_ *testing.T, s *session) { reset(s.Backend) }, flow.EndReset, flow.SideBackend, true},
		{"client gone, backend sends", false, func(t *testing.T, s *session) {
			_ = s.Client.Close()
			closedReceiver(t, s.Ends)
		}, flow.EndReset, flow.SideClient, true},
		{"killed", false, kill(flow.EndKilled), flow.EndKilled, flow.SideLodoor, false},
		{"drained", false, kill(flow.EndDrain), flow.EndDrain, flow.SideLodoor, false},
	}
}

func kill(end flow.End) func(*testing.T, *session) {
	return func(_ *testing.T, s *session) { s.control.Kill(end) }
}

func inOrder(clientFirst bool) func(*testing.T, *session) {
	return func(t *testing.T, s *session) {
		first, second := s.Client, s.Backend
		if !clientFirst {
			first, second = second, first
		}
		closeWrite(t, first)
		if _, err := fromClient.rest(second); err != nil {
			t.Errorf("FIN was not passed: %v", err)
		}
		closeWrite(t, second)
	}
}

// outcomes exchanges bytes, ends the session in each way, and reads the outcome.
func (k kit) outcomes(t *testing.T) {
	for _, e := range endings() {
		t.Run(e.name, func(t *testing.T) {
			if e.resets && !k.network.resets() {
				t.Skip("Unix sockets have no reset")
			}
			s := k.open(t, lane.Pair{})
			fromClient.send(t, s.Client, 1000)
			fromClient.expect(t, s.Backend, 1000)
			fromBackend.send(t, s.Backend, 3000)
			fromBackend.expect(t, s.Client, 3000)
			e.act(t, s)
			k.checkOutcome(t, s, e)
		})
	}
	t.Run("nothing said", k.silent)
}

func (k kit) checkOutcome(t *testing.T, s *session, e ending) {
	t.Helper()
	o := s.outcome(t)
	if o.End != e.end || o.EndedBy != e.by {
		t.Errorf("ended %s by %q, want %s by %q (%s)", o.End, o.EndedBy, e.end, e.by, o.Detail)
	}
	if !o.Known || o.Lane != s.lane.Name() || o.Tapped {
		t.Errorf("known %v, lane %q, tapped %v", o.Known, o.Lane, o.Tapped)
	}
	if up, down := s.control.Counts(); o.FromClient != up || o.FromBackend != down || up != 1000 || down < 3000 {
		t.Errorf("outcome counts %d and %d, control counts %d and %d, want 1000 and at least 3000",
			o.FromClient, o.FromBackend, up, down)
	}
	if o.FirstByte <= 0 || o.FirstByte > o.Duration || o.Duration > time.Since(s.pair.Accepted) {
		t.Errorf("first byte after %v of %v", o.FirstByte, o.Duration)
	}
	client := e.measured && !portable && k.network.client != "unix"
	backend := e.measured && !portable && k.network.backend != "unix"
	if (o.ClientTCP != nil) != client || (o.BackendTCP != nil) != backend {
		t.Errorf("TCP_INFO client %v, backend %v", o.ClientTCP, o.BackendTCP)
	}
	if client && o.ClientTCP.RTT <= 0 {
		t.Errorf("TCP_INFO of the client leg has no round trip time: %+v", o.ClientTCP)
	}
}

func (k kit) silent(t *testing.T) {
	s := k.open(t, lane.Pair{})
	_ = s.Client.Close()
	_ = s.Backend.Close()
	if o := s.outcome(t); o.End != flow.EndFIN || o.FromClient+o.FromBackend != 0 || o.FirstByte != 0 || o.Duration <= 0 {
		t.Errorf("outcome of a session without a byte: %+v", o)
	}
}
