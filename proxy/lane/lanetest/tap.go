package lanetest

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// witness is a tap that checks what it is told: every byte of both streams, in order, each written after it was read and
// once, and nothing after the end.
type witness struct {
	t     testing.TB
	delay time.Duration // how long Data takes, so that a lane that tells late is seen

	mu      sync.Mutex
	told    [2]uint64
	written [2]uint64
	taken   uint64 // of the client's: lodoor has answered it
	replies []byte
	asked   [2]bool // about room, and has not been told since
	skipped uint64
	shut    [2]bool
	last    [2]time.Time
	done    bool
	outcome flow.Outcome
}

func (w *witness) Room(d flow.Direction, _ func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		w.t.Error("tap: asked for room after the end")
	}
	w.asked[d] = true
	return true
}

func (w *witness) Data(d flow.Direction, at time.Time, b []byte) {
	if w.delay > 0 {
		<-time.After(w.delay)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event("Data", d, at)
	if len(b) == 0 {
		w.t.Error("tap was told nothing")
	}
	if !w.asked[d] {
		w.t.Errorf("tap %s: %d bytes were read without a question whether there is room", d, len(b))
	}
	w.asked[d] = false
	if err := w.stream(d).check(b, w.told[d]); err != nil {
		w.t.Errorf("tap %s: %v", d, err)
	}
	w.told[d] += uint64(len(b))
}

func (w *witness) Skipped(d flow.Direction, at time.Time, n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event("Skipped", d, at)
	w.told[d] += n
	w.written[d] += n
	w.skipped += n
}

func (w *witness) Written(d flow.Direction, at time.Time, n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event("Written", d, at)
	w.written[d] += n
	if n == 0 || w.gone(d) > w.told[d] {
		w.t.Errorf("tap: %d bytes more of %s were written, %d are now gone of %d", n, d, w.gone(d), w.told[d])
	}
}

func (w *witness) Answered(at time.Time, taken uint64, reply []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event("Answered", flow.FromClient, at)
	w.taken += taken
	w.replies = append(w.replies, reply...)
	if w.gone(flow.FromClient) > w.told[flow.FromClient] {
		w.t.Errorf("tap: %d bytes more were taken, of fewer", taken)
	}
	if w.told[flow.FromBackend] > 0 && len(reply) > 0 {
		w.t.Error("tap: lodoor spoke behind the backend")
	}
}

// gone is how much of a direction was written, or taken.
func (w *witness) gone(d flow.Direction) uint64 {
	if d == flow.FromClient {
		return w.written[d] + w.taken
	}
	return w.written[d]
}

func (w *witness) Shut(d flow.Direction, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event("Shut", d, at)
	w.shut[d] = true
}

func (w *witness) Done(_ time.Time, o *flow.Outcome) (kept, skipped uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		w.t.Error("tap was told the end twice")
	}
	w.done, w.outcome = true, *o
	return w.told[0] + w.told[1] - w.skipped, w.skipped
}

// event checks the order of what is told of a direction.
func (w *witness) event(what string, d flow.Direction, at time.Time) {
	if w.done || w.shut[d] {
		w.t.Errorf("tap: %s of %s after the end", what, d)
	}
	if at.Before(w.last[d]) {
		w.t.Errorf("tap: %s of %s is older than what came before", what, d)
	}
	w.last[d] = at
}

func (w *witness) stream(d flow.Direction) stream {
	return [2]stream{fromClient, fromBackend}[d]
}

// seen is how much of a direction the tap was told.
func (w *witness) seen(d flow.Direction) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.told[d]
}

// checkEnd compares what the tap was told with the outcome.
func (w *witness) checkEnd(t testing.TB, o flow.Outcome) {
	t.Helper()
	if !w.done || !o.Tapped {
		t.Errorf("tap told the end: %v, outcome tapped: %v", w.done, o.Tapped)
	}
	if w.told[0] != o.FromClient || w.told[1] != o.FromBackend {
		t.Errorf("tap was told %v bytes, outcome has %d and %d", w.told, o.FromClient, o.FromBackend)
	}
	if fin := o.End == flow.EndFIN; fin && (w.gone(0) != w.told[0] || w.gone(1) != w.told[1]) {
		t.Errorf("tap was told %v bytes, and that %v of them were written and %d taken", w.told, w.written, w.taken)
	}
	if o.TapKept+o.TapSkipped != o.FromClient+o.FromBackend || o.TapSkipped != w.skipped {
		t.Errorf("tap kept %d, skipped %d of %d bytes", o.TapKept, o.TapSkipped, o.FromClient+o.FromBackend)
	}
	if w.outcome.End != o.End || w.outcome.FromClient != o.FromClient || w.outcome.FromBackend != o.FromBackend {
		t.Errorf("tap was told outcome %+v, it is %+v", w.outcome, o)
	}
}

// checkHeard compares what an end has heard of a direction with what the tap was told to be written: no more of it, and
// all when nothing of it was lost.
func (w *witness) checkHeard(t testing.TB, d flow.Direction, heard uint64, all bool) {
	t.Helper()
	if written := w.written[d]; heard > written || all && heard < written {
		t.Errorf("tap %s: %d bytes were written, and %d heard", d, written, heard)
	}
}

func (k kit) tap(t *testing.T) {
	t.Run("order", k.tapOrder)
	t.Run("backpressure", k.tapBackpressure)
	t.Run("killed", k.tapKilled)
	t.Run("bulk", k.tapBulk)
	t.Run("reset", k.tapReset)
	t.Run("skipping", k.tapSkips)
	k.takes = true
	t.Run("backpressure, taken", k.tapBackpressure)
	t.Run("killed, taken", k.tapKilled)
	t.Run("bulk, taken", k.tapBulk)
}

// witness is a tap, and as what a session has it.
func (k kit) witness(t *testing.T) (*witness, lane.Tap) {
	t.Helper()
	w := &witness{t: t}
	if k.takes {
		return w, newTaker(t, w)
	}
	return w, w
}

// tapOrder lets each end answer as soon as it has read, and asks whether the tap had been told before.
func (k kit) tapOrder(t *testing.T) {
	w := &witness{t: t, delay: time.Millisecond}
	s := k.open(t, lane.Pair{Tap: w})
	for i := range uint64(20) {
		for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
			from, to := s.Client, s.Backend
			if d == flow.FromBackend {
				from, to = to, from
			}
			_, werr := from.Write(w.stream(d).fill(make([]byte, 10), i*10))
			_, rerr := to.Read(make([]byte, 10))
			if err := errors.Join(werr, rerr); err != nil {
				t.Fatal(err)
			}
			if told := w.seen(d); told <= i*10 {
				t.Fatalf("bytes of %s arrived before the tap was told: %d", d, told)
			}
		}
	}
	inOrder(true)(t, s)
	w.checkEnd(t, s.outcome(t))
	if !w.shut[0] || !w.shut[1] {
		t.Errorf("tap was told of FINs: %v", w.shut)
	}
}

func (k kit) tapBulk(t *testing.T) {
	w, tap := k.witness(t)
	s := k.open(t, lane.Pair{Tap: tap})
	const n = 3 << 20
	fromClient.sendLate(t, s.Client, n, closeWriteQuietly)
	fromBackend.sendLate(t, s.Backend, n, closeWriteQuietly)
	down := make(chan uint64, 1)
	go func() { m, _ := fromBackend.rest(s.Client); down <- m }()
	up, _ := fromClient.rest(s.Backend)
	if d := <-down; up != n || d != n {
		t.Errorf("%d bytes up and %d down of %d", up, d, n)
	}
	w.checkEnd(t, s.outcome(t))
}

// tapBackpressure has receivers that take nothing for a while, so that bytes are written in parts.
func (k kit) tapBackpressure(t *testing.T) {
	w, tap := k.witness(t)
	s := k.open(t, lane.Pair{Tap: tap})
	up, down := fillUp(t, s.Client, fromClient), fillUp(t, s.Backend, fromBackend)
	closeWrite(t, s.Client)
	closeWrite(t, s.Backend)
	heardUp, _ := fromClient.rest(s.Backend)
	heardDown, _ := fromBackend.rest(s.Client)
	if heardUp != uint64(up) || heardDown != uint64(down) {
		t.Errorf("%d bytes up of %d, %d down of %d", heardUp, up, heardDown, down)
	}
	w.checkEnd(t, s.outcome(t))
	w.checkHeard(t, flow.FromClient, heardUp, true)
	w.checkHeard(t, flow.FromBackend, heardDown, true)
}

// fillUp sends until bytes were read that cannot be written: on a busy machine the lane may be late.
func (w *witness) fillUp(t *testing.T, d flow.Direction, c net.Conn) {
	t.Helper()
	n := 0
	testkit.Wait(t, "bytes that are read and cannot be written", func() bool {
		n = fillUpFrom(t, c, w.stream(d), n)
		w.mu.Lock()
		defer w.mu.Unlock()
		return portable || n >= unbounded || w.written[d] < w.told[d]
	}, Patience)
}

// tapKilled ends a session whose receivers take nothing: what was read and not written is never told as written.
func (k kit) tapKilled(t *testing.T) {
	w, tap := k.witness(t)
	s := k.open(t, lane.Pair{Tap: tap})
	w.fillUp(t, flow.FromClient, s.Client)
	w.fillUp(t, flow.FromBackend, s.Backend)
	s.control.Kill(flow.EndKilled)
	w.checkEnd(t, s.outcome(t))
	for _, d := range []flow.Direction{flow.FromClient, flow.FromBackend} {
		if !portable && (w.written[d] == 0 || w.written[d] == w.told[d]) {
			t.Errorf("tap %s: %d bytes were written of %d that were read; some must be left", d, w.written[d], w.told[d])
		}
	}
	heard, _ := fromClient.rest(s.Backend)
	w.checkHeard(t, flow.FromClient, heard, false)
	heard, _ = fromBackend.rest(s.Client)
	w.checkHeard(t, flow.FromBackend, heard, false)
}

// tapReset ends by a reset: there is no FIN to tell.
func (k kit) tapReset(t *testing.T) {
	if !k.network.resets() {
		t.Skip("Unix sockets have no reset")
	}
	w := &witness{t: t}
	s := k.open(t, lane.Pair{Tap: w})
	fromClient.send(t, s.Client, 5000)
	s.carried(t, 5000, 0)
	reset(s.Client)
	o := s.outcome(t)
	w.checkEnd(t, o)
	w.checkHeard(t, flow.FromClient, 5000, !portable)
	if w.shut[0] || w.shut[1] || w.outcome.End != flow.EndReset {
		t.Errorf("tap was told FINs %v and end %s, want none and reset", w.shut, w.outcome.End)
	}
}

// skipper is a tap that keeps nothing.
type skipper struct{ witness }

func (s *skipper) Done(at time.Time, o *flow.Outcome) (kept, skipped uint64) {
	kept, skipped = s.witness.Done(at, o)
	return 0, kept + skipped
}

func (k kit) tapSkips(t *testing.T) {
	tap := &skipper{witness{t: t}}
	s := k.open(t, lane.Pair{Tap: tap})
	fromClient.send(t, s.Client, 100)
	fromClient.expect(t, s.Backend, 100)
	inOrder(false)(t, s)
	if o := s.outcome(t); o.TapKept != 0 || o.TapSkipped != 100 {
		t.Errorf("outcome: kept %d, skipped %d; want what the tap answered, 0 and 100", o.TapKept, o.TapSkipped)
	}
}
