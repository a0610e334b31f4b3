package proxy

import (
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// tapNeedsProcess says whether the peer's process has to be looked for before anybody can say whether the session is
// read along.
func (x *session) tapNeedsProcess() bool {
	c := &x.server().config
	return x.looked != sought && c.Resolver != nil &&
		(needsProcess(c.Recorder, x.settings.service.name) || needsProcess(c.Decoder, x.settings.service.name))
}

func needsProcess(t Tapper, service string) bool {
	return wanted(t, service) && t.NeedsProcess(service)
}

func wanted(t Tapper, service string) bool { return t != nil && t.Wants(service) }

// tapIn has those read along who want to, from before the open record is anywhere.
func (x *session) tapIn(open *flow.Record) {
	c, service := &x.server().config, x.settings.service.name
	if !wanted(c.Recorder, service) && !wanted(c.Decoder, service) {
		return
	}
	shown := *open // here, so that the record of a session that nobody reads along costs no memory
	var recorder, decoder flow.SessionTap
	if wanted(c.Recorder, service) {
		recorder = c.Recorder.Tap(&shown)
	}
	if wanted(c.Decoder, service) {
		decoder = c.Decoder.Tap(&shown)
	}
	tap := join(recorder, decoder)
	if tap == nil {
		return
	}
	x.taped = recorder != nil
	x.server().sessions.whileOpen(x, func() {
		x.tap = tap
		if now := &x.who.Load().origin; now.Process != nil { // what was found meanwhile was told to nobody
			tap.Origin(now)
		}
	})
}

// untap tells the tap of a session that no lane had that it is over.
func (x *session) untap(o *flow.Outcome) {
	if x.tap != nil {
		o.TapKept, o.TapSkipped = x.tap.Done(time.Now(), o)
	}
}

// tellConnected tells the tap where the backend is.
func (x *session) tellConnected() {
	if x.tap != nil {
		x.tap.Connected(time.Now(), plain(x.backend.Local()), plain(x.backend.Remote()))
	}
}

// both are two taps of one session. The first one may keep what it is told.
type both struct{ first, second flow.SessionTap }

func join(a, b flow.SessionTap) flow.SessionTap {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return both{a, b}
}

func (t both) Room(d flow.Direction, wake func()) bool {
	return t.first.Room(d, wake) && t.second.Room(d, wake)
}

func (t both) Data(d flow.Direction, at time.Time, b []byte) {
	t.first.Data(d, at, b)
	t.second.Data(d, at, b)
}

// Piped has the first one take what it is not shown, if it can; the second one is shown it.
func (t both) Piped(d flow.Direction, at time.Time, fd, n int) int {
	if p, ok := t.first.(flow.PipeTap); ok {
		return p.Piped(d, at, fd, n)
	}
	return 0
}

func (t both) Beside() flow.Tap { return t.second }

func (t both) Skipped(d flow.Direction, at time.Time, n uint64) {
	t.first.Skipped(d, at, n)
	t.second.Skipped(d, at, n)
}

func (t both) Written(d flow.Direction, at time.Time, n uint64) {
	t.first.Written(d, at, n)
	t.second.Written(d, at, n)
}

func (t both) Answered(at time.Time, taken uint64, reply []byte) {
	t.first.Answered(at, taken, reply)
	t.second.Answered(at, taken, reply)
}

func (t both) Shut(d flow.Direction, at time.Time) {
	t.first.Shut(d, at)
	t.second.Shut(d, at)
}

func (t both) Done(at time.Time, o *flow.Outcome) (kept, skipped uint64) {
	kept, skipped = t.first.Done(at, o)
	alsoKept, alsoSkipped := t.second.Done(at, o)
	return kept + alsoKept, skipped + alsoSkipped
}

func (t both) Connected(at time.Time, leg, server netip.AddrPort) {
	t.first.Connected(at, leg, server)
	t.second.Connected(at, leg, server)
}

func (t both) Origin(o *flow.Origin) {
	t.first.Origin(o)
	t.second.Origin(o)
}
