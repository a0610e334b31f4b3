package pcapng

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// tap is one session's flow.SessionTap.
type tap struct {
	rec     *Recorder
	service string
	id      flow.SessionID
	verdict flow.Verdict
	policy.Decision
	redactor      Redactor // nil: nothing is overwritten; the writer's
	tls           *secrets
	hello         *keylog.Hello // of the client's direction; nil once it is over
	client, front netip.AddrPort
	leg, server   netip.AddrPort // set before the queue is told of them
	origin        atomic.Pointer[flow.Origin]

	// By direction, its caller's alone: bytes that were told, those of them that were not written yet, and those that
	// are not kept.
	told, unwritten, skipped [2]uint64

	held  atomic.Int64 // memory that waits for the writer, or for the other side to take it
	left  atomic.Int64 // payload that may still be kept, when MaxPerSession is set
	blind atomic.Bool  // the redactor lost its place: nothing more may be kept

	// Guarded by the queue's lock.
	cut    bool  // the rest of the session is not in the recording
	opened place // of its opening
	latest place // of its latest entry
	last   [2]place
	waits  [2]func() // by direction: called when it may be read again

	session session // the writer's
}

// Room says whether a direction may be read. Only a session that waits for the disk ever has to wait.
func (t *tap) Room(d flow.Direction, wake func()) bool {
	return !t.Plan.Hold || t.rec.queue.room(t, d, wake)
}

// Data keeps a copy of b, or its length when it is not to be kept, or memory or disk have no room for it.
func (t *tap) Data(d flow.Direction, at time.Time, b []byte) {
	when := at.UnixNano()
	if d == flow.FromClient && t.hello != nil {
		t.greeted(b)
	}
	t.told[d] += uint64(len(b))
	t.unwritten[d] += uint64(len(b))
	for len(b) > 0 {
		n := min(len(b), maxBuffer)
		if why := t.keep(entry{tap: t, kind: kindPass, dir: d, at: when}, b[:n]); why != whyNone {
			t.skipped[d] += uint64(n)
			t.rec.queue.length(t, d, when, uint64(n), why, false)
		}
		b = b[n:]
	}
}

// greeted looks for the beginning of TLS before the backend hears of it, so that the session's secrets are known to be
// wanted before there are any.
func (t *tap) greeted(b []byte) {
	random, found, done := t.hello.Feed(b)
	if found {
		t.tls.want(random, t.service)
	}
	if done {
		t.hello = nil
	}
}

// Skipped keeps the length of bytes that nobody could see.
func (t *tap) Skipped(d flow.Direction, at time.Time, n uint64) {
	if n > 0 {
		t.told[d] += n
		t.skipped[d] += n
		t.rec.queue.length(t, d, at.UnixNano(), n, whyUnseen, true)
	}
}

// Written keeps when the other side had the bytes.
func (t *tap) Written(d flow.Direction, at time.Time, n uint64) {
	if n == 0 || d == flow.FromClient && t.Plan.FrontOnly {
		return
	}
	t.rec.queue.written(t, d, at.UnixNano(), n)
	t.unwritten[d] -= min(n, t.unwritten[d])
}

// Answered keeps what lodoor said to the client, and that what it answered went no further.
func (t *tap) Answered(at time.Time, taken uint64, reply []byte) {
	e := entry{tap: t, kind: kindAnswered, dir: flow.FromBackend, at: at.UnixNano(), taken: taken}
	if e.why = t.keep(e, reply); e.why != whyNone {
		e.length[e.dir] = uint64(len(reply))
		t.rec.queue.push(e)
	}
	t.unwritten[flow.FromClient] -= min(taken, t.unwritten[flow.FromClient])
}

// Shut keeps the orderly end of a direction.
func (t *tap) Shut(d flow.Direction, at time.Time) {
	t.rec.queue.push(entry{tap: t, kind: kindShut, dir: d, at: at.UnixNano()})
}

// Connected keeps that the backend was reached.
func (t *tap) Connected(at time.Time, leg, server netip.AddrPort) {
	if t.Plan.FrontOnly {
		return
	}
	t.leg, t.server = plain(leg), plain(server)
	if !leg.IsValid() || !server.IsValid() || t.leg.Addr().Is4() != t.server.Addr().Is4() {
		t.leg, t.server = t.rec.stand.backend()
	}
	t.rec.queue.connected(t, at.UnixNano())
}

// Origin keeps who the peer is, for a comment.
func (t *tap) Origin(o *flow.Origin) { t.origin.Store(o) }

// Done keeps the session's end as it happened. What it says to be kept is on its way to the disk; when the disk fails
// afterwards, Config.Trouble is told and Stats counts what was lost.
func (t *tap) Done(at time.Time, o *flow.Outcome) (kept, skipped uint64) {
	e := entry{tap: t, kind: kindReset, by: flow.SideLodoor, at: at.UnixNano(), cost: endCost}
	switch {
	case o != nil && o.End == flow.EndFIN:
		e.kind = kindEnd
	case o != nil && o.EndedBy != flow.SideNone:
		e.by = o.EndedBy
	}
	t.rec.queue.end(e)
	skipped = t.skipped[0] + t.skipped[1]
	kept = t.told[0] + t.told[1] - skipped
	t.rec.kept.Add(kept)
	t.rec.skipped.Add(skipped)
	return kept, skipped
}

// keep queues e with a copy of b. It answers why not when it does not.
func (t *tap) keep(e entry, b []byte) reason {
	if t.blind.Load() {
		return whyNotRedactable
	}
	n := len(b)
	if snap := t.Plan.SnapPayload; snap > 0 && t.redactor == nil { // a redactor has to see all
		n = min(n, int(snap))
	}
	if !t.mayKeep(n) {
		return whyMaxPerSession
	}
	buf := t.rec.memory.take(&t.held, n, t.Plan.Hold)
	if buf == nil {
		return whySlowDisk
	}
	e.cost, e.buf = t.legs()*keptCost(len(b)), buf
	if !t.rec.budget.takePayload(t.charged(e.cost)) {
		t.rec.memory.give(&t.held, buf)
		return whyMaxTotal
	}
	copy(buf.b, b[:n])
	e.length[e.dir] = uint64(len(b))
	if !t.rec.queue.push(e) {
		t.rec.budget.settle(t.charged(e.cost), 0)
		t.rec.memory.give(&t.held, buf)
		return whyMaxTotal
	}
	return whyNone
}

// mayKeep takes n bytes from those that may be kept of the session.
func (t *tap) mayKeep(n int) bool {
	if t.Plan.MaxPerSession == 0 {
		return true
	}
	if t.left.Add(-int64(n)) >= 0 {
		return true
	}
	t.left.Store(0) // also when a smaller one would fit: what is kept is the beginning
	return false
}

// legs is on how many legs what is told appears.
func (t *tap) legs() int64 {
	if t.Plan.FrontOnly {
		return 1
	}
	return 2
}

// charged is what a cost on the disk is to this session: a ring's is none.
func (t *tap) charged(cost int64) int64 {
	if t.Plan.Ring {
		return 0
	}
	return cost
}
