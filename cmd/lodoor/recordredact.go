package main

import (
	"errors"
	"fmt"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// recordRedaction overwrites secrets in what recordings tell.
type recordRedaction struct {
	redactors *wire.Redactors
	what      flow.Redaction
	warn      func(string)
	legs      map[recordedLeg]*redactedLeg
	late      map[string]bool // sessions that were left out since they began before
}

// recordedLeg is a connection of a session.
type recordedLeg struct {
	session string
	leg     recording.Leg
}

// redactedLeg is what overwrites in one; nil when nothing has to be. Lost says that nobody knows any more what comes.
type redactedLeg struct {
	redactor *wire.Redactor
	lost     bool
}

func newRecordRedaction(protocol string, what flow.Redaction, warn func(string)) *recordRedaction {
	r := &recordRedaction{what: what, warn: warn, legs: map[recordedLeg]*redactedLeg{}, late: map[string]bool{}}
	r.redactors = wire.NewRedactors(wire.Config{
		Protocol: func(string) string { return protocol },
		Note: func(service, kind, _ string) {
			if kind == wire.NoteUnknown {
				warn(fmt.Sprintf("what is spoken to %s was not recognised, and is exported as it was recorded; --protocol says it", service))
			}
		},
		Trouble: func(_ string, err error) {
			if inner := errors.Unwrap(err); inner != nil {
				err = inner
			}
			warn(fmt.Sprintf("%v: of such a session only the lengths are exported from there on", err))
		},
	})
	return r
}

// edit overwrites the payload of an event. False says that it may not be told.
func (r *recordRedaction) edit(e *recording.Event) bool {
	if r.what == (flow.Redaction{}) {
		return true
	}
	key := recordedLeg{e.Session.Name(), e.Leg}
	l := r.legs[key]
	if l == nil {
		l = &redactedLeg{redactor: r.redactors.For(e.Session.Service, r.what), lost: e.Session.Late}
		if e.Session.Late {
			r.late[key.session] = true
		}
		r.legs[key] = l
	}
	switch {
	case l.lost:
		return false
	case l.redactor == nil:
		return true
	}
	l.lost = !l.redactor.Redact(e.Direction, e.Payload)
	kept := !l.lost
	if kept && e.Missing > 0 {
		l.lost = !l.redactor.Skip(e.Direction, e.Missing)
	}
	return kept
}

// over forgets the sessions that end in a file.
func (r *recordRedaction) over(f *recordedFile) {
	for _, s := range f.sessions {
		if !s.goesOn || s.ID == "" {
			delete(r.legs, recordedLeg{s.Name(), recording.LegFront})
			delete(r.legs, recordedLeg{s.Name(), recording.LegBack})
		}
	}
}

// tell says what was left out.
func (r *recordRedaction) tell() {
	if n := uint64(len(r.late)); n > 0 {
		r.warn(fmt.Sprintf("%s begun before the recording, and cannot be looked through for passwords: only lengths of them were "+
			"exported; --redact none exports everything as it was recorded", hasHave(n, "session")))
	}
}

func hasHave(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun + " has"
	}
	return plural(n, noun) + " have"
}
