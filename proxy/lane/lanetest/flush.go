package lanetest

import (
	"net"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// resetting is a session in which one side sends and resets, and the other reads late or never.
type resetting struct {
	*session
	by, other net.Conn
	side      flow.Side
	dir       flow.Direction
}

func (k kit) resetting(t *testing.T, dir flow.Direction, p lane.Pair) resetting {
	s := k.open(t, p)
	if dir == flow.FromBackend {
		return resetting{s, s.Backend, s.Client, flow.SideBackend, dir}
	}
	return resetting{s, s.Client, s.Backend, flow.SideClient, dir}
}

// read waits until the lane has read n bytes from the sender, and back from the other side.
func (r resetting) read(t *testing.T, n, back uint64) {
	t.Helper()
	if r.dir == flow.FromBackend {
		n, back = back, n
	}
	r.carried(t, n, back)
}

// noticed gives the lane time to notice the reset, by what it reads from the other side and cannot deliver, or by
// looking. If it has not when the time is over, less is tested.
func (r resetting) noticed(t *testing.T) {
	t.Helper()
	enough := time.After(200 * time.Millisecond)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-enough:
			return
		case <-look.C:
		}
		up, down := r.control.Counts()
		if back := [2]uint64{down, up}[r.dir]; back > 0 {
			return
		}
	}
}

// readAll has the other side begin to read. Its receive buffer grows first, so that its kernel tells of the room at
// once: otherwise the sender asks, after a time that has doubled as long as there was none, and looks stalled until then.
func (r resetting) readAll() (uint64, error) {
	setBuffer(r.other, 1<<20)
	return fromClient.rest(r.other)
}

func (r resetting) ended(t *testing.T) flow.Outcome {
	t.Helper()
	o := r.outcome(t)
	if o.End != flow.EndReset || o.EndedBy != r.side {
		t.Errorf("ended %s by %q, want reset by %q", o.End, o.EndedBy, r.side)
	}
	return o
}

// flush is what happens to bytes that were sent before a reset.
func (k kit) flush(t *testing.T) {
	if !k.network.resets() || portable {
		t.Skip("needs resets, and sockets that tell what is unsent")
	}
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		t.Run("late reader "+d.String(), func(t *testing.T) { k.flushLate(t, d) })
		t.Run("blocked "+d.String(), func(t *testing.T) { k.flushBlocked(t, d) })
	}
	t.Run("no reader", k.flushNobody)
	t.Run("no reader, blocked", k.flushNobodyBlocked)
	t.Run("no false FIN", k.noFalseFIN)
}

const moreThanReceived = 300 << 10 // what a small receive buffer does not take

// flushLate has a side send more than the other's kernel takes, so that the lane's own send queue holds the rest, and
// reset when the lane has read it all. Only then the other side reads: it must get everything before the reset.
func (k kit) flushLate(t *testing.T, d flow.Direction) {
	r := k.resetting(t, d, lane.Pair{})
	setBuffer(r.other, 16<<10)
	fromClient.sendLate(t, r.by, moreThanReceived, nothing)
	r.read(t, moreThanReceived, 0)
	reset(r.by)
	n, err := r.readAll()
	if n != moreThanReceived || !isReset(err) {
		t.Errorf("read %d of %d bytes, then %s; want all, then a reset", n, moreThanReceived, ended(err))
	}
	r.ended(t)
}

// flushBlocked has a side send until nothing is taken any more, and reset. The lane notices when it delivers a byte to
// it. The other side then reads: it must get everything that the lane's kernel had acknowledged.
func (k kit) flushBlocked(t *testing.T, d flow.Direction) {
	r := k.resetting(t, d, lane.Pair{})
	setBuffer(r.other, 16<<10)
	sent := fillUp(t, r.by, fromClient)
	acknowledged := uint64(sent - unacknowledged(t, r.by))
	reset(r.by)
	_, _ = r.other.Write([]byte{0}) // fails when the lane has noticed by itself and has given up already
	r.noticed(t)
	n, _ := r.readAll()
	o := r.ended(t)
	if carried := [2]uint64{o.FromClient, o.FromBackend}[d]; n < acknowledged || n != carried {
		t.Errorf("%d bytes delivered; %d were acknowledged, %d read", n, acknowledged, carried)
	}
}

// flushNobody has a side reset while the lane's send queue holds what the other never reads: the session must end all
// the same.
func (k kit) flushNobody(t *testing.T) {
	r := k.resetting(t, flow.FromClient, lane.Pair{})
	setBuffer(r.other, 16<<10)
	fromClient.sendLate(t, r.by, moreThanReceived, nothing)
	r.read(t, moreThanReceived, 0)
	reset(r.by)
	r.ended(t)
}

// flushNobodyBlocked is the same while the lane itself cannot write.
func (k kit) flushNobodyBlocked(t *testing.T) {
	r := k.resetting(t, flow.FromClient, lane.Pair{})
	fillUp(t, r.by, fromClient)
	reset(r.by)
	r.ended(t)
}

// noFalseFIN resets a client to whom the lane is writing. The write takes the kernel's error away, so that reading
// looks like the end of the stream: it must not be passed as one.
func (k kit) noFalseFIN(t *testing.T) {
	for range 20 {
		w := &witness{t: t}
		r := k.resetting(t, flow.FromClient, lane.Pair{Tap: w})
		setBuffer(r.by, 16<<10)
		fromBackend.sendLate(t, r.other, 8<<20, nothing)
		testkit.Wait(t, "the client's buffers to fill", func() bool {
			_, down := r.control.Counts()
			return down > moreThanReceived
		}, Patience)
		reset(r.by)
		r.ended(t)
		if w.shut[flow.FromClient] {
			t.Fatal("a reset was passed as FIN")
		}
	}
}
