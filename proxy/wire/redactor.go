package wire

import (
	"fmt"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Redactors make what overwrites secrets in the recordings of sessions.
type Redactors struct {
	config Config
	once   once
}

// NewRedactors makes them. They use Protocol, Note and Trouble.
func NewRedactors(c Config) *Redactors { return &Redactors{config: c} }

// For is what overwrites in one session of a service; nil when nothing is to be overwritten, or nobody knows what in the
// service's protocol.
func (r *Redactors) For(service string, what flow.Redaction) *Redactor {
	protocol := r.config.Protocol(service)
	if what == (flow.Redaction{}) || !decodes(protocol) {
		return nil
	}
	s := &Redactor{all: r, service: service, what: what}
	if protocol != protocolAuto {
		s.become(protocol)
	}
	return s
}

// Redactor overwrites what must not be kept of one session. It is for one goroutine. While nobody knows what is spoken,
// what has come is kept as it is: it is too short to hold a secret. Of what was not recognised everything is kept, and
// that is said once; so is everything that is encrypted.
type Redactor struct {
	all      *Redactors
	service  string
	what     flow.Redaction
	protocol string // empty while it is not known
	child    redactor
	first    [2][]byte
	heard    []heard
	lost     bool
}

// heard is what was kept before the protocol was known.
type heard struct {
	dir   flow.Direction
	bytes []byte
}

// Redact overwrites b, the next bytes of a direction, in place. False says that what they are is not known any more: nor
// they nor what follows in the session may be kept.
func (r *Redactor) Redact(d flow.Direction, b []byte) bool {
	return r.do(func() bool {
		if r.protocol == "" {
			return r.look(d, b)
		}
		return r.child == nil || r.child.Redact(d, b)
	})
}

// Skip tells of n bytes that are not kept. False is as with Redact.
func (r *Redactor) Skip(d flow.Direction, n uint64) bool {
	return r.do(func() bool { return r.protocol != "" && (r.child == nil || r.child.Skip(d, n)) })
}

// Answered tells that the client's last taken bytes went no further, and that lodoor itself said reply.
func (r *Redactor) Answered(taken uint64, reply []byte) {
	r.do(func() bool {
		if r.child != nil {
			r.child.Answered(taken, reply)
		}
		return r.protocol != ""
	})
}

func (r *Redactor) do(redact func() bool) bool {
	if r.lost {
		return false
	}
	err := guarded(func() error {
		r.lost = !redact()
		return nil
	})
	if err != nil {
		r.lost = true
	}
	if r.lost {
		r.tell(err)
	}
	return !r.lost
}

func (r *Redactor) tell(err error) {
	if err == nil {
		err = fmt.Errorf("it lost its place in %s", r.spoken())
	}
	trouble(&r.all.config, &r.all.once, r.service, r.protocol,
		fmt.Errorf("overwrite secrets of %s: %w; of such a session only the lengths are kept from there on", r.service, err))
}

func (r *Redactor) spoken() string {
	if r.protocol == "" {
		return "what nobody had recognised yet"
	}
	return r.protocol
}

// look looks for the protocol in what a side says first. What was kept until then the protocol's own redactor is shown,
// so that it knows where it is.
func (r *Redactor) look(d flow.Direction, b []byte) bool {
	n := min(len(b), recogniseMax-len(r.first[d]))
	r.first[d] = append(r.first[d], b[:n]...)
	protocol := recognise(d, r.first[d])
	if protocol == "" {
		r.heard = append(r.heard, heard{d, append([]byte(nil), b...)})
		return true
	}
	r.become(protocol)
	if r.child == nil {
		return true
	}
	for _, h := range r.heard {
		if !r.child.Redact(h.dir, h.bytes) {
			return false
		}
	}
	r.heard = nil
	return r.child.Redact(d, b)
}

func (r *Redactor) become(protocol string) {
	r.protocol = protocol
	switch protocol {
	case foundTLS:
		r.note(NoteEncrypted, encrypted(r.service, protocol))
	case foundNothing:
		r.note(NoteUnknown, fmt.Sprintf("what is spoken to %s was not recognised, and all of it is recorded as it is, passwords "+
			"included; say protocol: postgres, mysql, redis or http when it is one of these", r.service))
	default:
		r.child = newRedactor(protocol, r.what)
	}
}

func (r *Redactor) note(kind, text string) {
	if r.all.config.Note != nil && r.all.once.first(r.service, kind) {
		r.all.config.Note(r.service, kind, text)
	}
}
