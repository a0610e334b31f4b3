package lanetest

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// flush has a side send more than the other's kernel takes, so that the lane's own send queue holds the rest, and
// reset when the lane has read it all. Only then the other side reads: it must get everything before the reset.
func (k kit) flush(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and sockets that tell what is unsent")
	}
	for _, from := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		t.Run(from.String(), func(t *testing.T) { k.flushFrom(t, from) })
	}
}

func (k kit) flushFrom(t *testing.T, from flow.Direction) {
	const n = 300 << 10
	s := k.open(t, lane.Pair{})
	by, other, side := s.Client, s.Backend, flow.SideClient
	if from == flow.FromBackend {
		by, other, side = other, by, flow.SideBackend
	}
	setBuffer(other, 16<<10)
	fromClient.sendLate(t, by, n, nothing)
	want := [2]uint64{}
	want[from] = n
	s.carried(t, want[0], want[1])
	reset(by)
	m, err := fromClient.rest(other)
	if m != n || !isReset(err) {
		t.Errorf("read %d of %d bytes, then %s; want all, then a reset", m, n, ended(err))
	}
	if o := s.outcome(t); o.End != flow.EndReset || o.EndedBy != side {
		t.Errorf("ended %s by %q, want reset by %q", o.End, o.EndedBy, side)
	}
}

// flushGivesUp has a side reset while the other reads nothing, ever: the session must end all the same.
func (k kit) flushGivesUp(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and sockets that tell of one while a write waits")
	}
	s := k.open(t, lane.Pair{})
	fillUp(t, s.Client, fromClient)
	reset(s.Client)
	if o := s.outcome(t); o.End != flow.EndReset || o.EndedBy != flow.SideClient {
		t.Errorf("ended %s by %q, want reset by client", o.End, o.EndedBy)
	}
}
