package proxy

import (
	"os"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// seekFor is how long the process of a peer that was let in is looked for.
const seekFor = 5 * time.Second

// seek has the process of a peer that was let in looked for beside the session, also when a wait for it was in vain: the
// answer becomes a record of its own.
func (x *session) seek(lead flow.Lead) {
	r := x.server().config.Resolver
	w := x.who.Load()
	if r == nil || w.origin.Process != nil || w.proof == flow.ProofNone {
		discard(lead)
		return
	}
	r.Seek(lead, w.origin, time.Now().Add(seekFor), x)
}

// Wanted says whether the session is still open.
func (x *session) Wanted() bool { return x.stage.Load() != stageOver }

// Urgent says that nobody is kept waiting: the session goes on meanwhile.
func (x *session) Urgent() bool { return false }

// Met notes who connected, unless the session is over. It is recorded with all that is found, or else with the close.
func (x *session) Met(o flow.Origin) {
	x.server().sessions.whileOpen(x, func() {
		x.recognise(o)
		x.looked = met
	})
}

// Found records who the peer is, unless the session is over.
func (x *session) Found(o flow.Origin) {
	if o.Process == nil {
		return
	}
	x.server().sessions.whileOpen(x, func() {
		x.recognise(o)
		x.looked = unsought
		x.server().config.Log.Append(x.recognised(), nil)
	})
}

func (x *session) recognise(o flow.Origin) {
	x.learn(func(w *who) { w.origin = o })
	if x.tap != nil {
		x.tap.Origin(&x.who.Load().origin)
	}
}

// recognised is the record of who the peer is.
func (x *session) recognised() flow.Record {
	peer := x.peer()
	return flow.Record{
		Time: time.Now(), Event: flow.EventSessionOrigin, Service: x.settings.service.name, Session: x.id,
		Peer: &peer, Origin: &x.who.Load().origin,
	}
}

// search looks for the peer's process and waits, as long as the rules allow, since they cannot decide without it. The
// lead stays, for the case that this is too short. It says whether the answer came before lodoor's end did.
func (x *session) search(lead *flow.Lead) bool {
	x.looked = sought
	r := x.server().config.Resolver
	if r == nil {
		return true
	}
	answer := make(seeker, 1)
	wait := x.settings.rules.ProcessWait()
	r.Seek(lend(lead), x.who.Load().origin, time.Now().Add(wait), answer)
	select {
	case o := <-answer:
		x.learn(func(w *who) { w.origin = o })
		return true
	case <-x.server().force.Done():
		return false
	}
}

// seeker waits for the answer to one search, and a client for it.
type seeker chan flow.Origin

func (c seeker) Wanted() bool        { return true }
func (c seeker) Urgent() bool        { return true }
func (c seeker) Met(flow.Origin)     {}
func (c seeker) Found(o flow.Origin) { c <- o }

// discard gives up a lead that nobody will follow.
func discard(lead flow.Lead) {
	if lead.PIDFD != 0 {
		_ = os.NewFile(uintptr(lead.PIDFD), "pidfd").Close()
	}
}
