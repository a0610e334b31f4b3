package wire

import (
	"fmt"
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what Decoders and Redactors are made of. All functions are called on the sessions' path, by several
// goroutines at once, and must not wait.
type Config struct {
	// Protocol is what a service's backend speaks, as the configuration names it; auto is found out. Of what has no decoder
	// nothing is read.
	Protocol func(service string) string
	// Statements is how much of what clients ask is told.
	Statements flow.Statements
	// Emit is told each operation when it is over, in a record with the session and what is known of its origin. The record
	// is valid during the call; the operation is the callee's.
	Emit func(r *flow.Record)
	// Note says what a person should know about a service, in words, once for each kind: NoteEncrypted, NoteUnknown.
	Note func(service, kind, text string)
	// Trouble says why a decoder or a redactor was switched off for a session of a service; once for each service and
	// protocol, however often it happens.
	Trouble func(service string, err error)
}

// The kinds of notes.
const (
	NoteEncrypted = "encrypted"
	NoteUnknown   = "unknown"
)

// Decoders has the sessions of services read along.
type Decoders struct {
	config     Config
	statements *statements
	once       once
}

// New makes them.
func New(c Config) *Decoders { return &Decoders{config: c, statements: newStatements(c.Statements)} }

// Wants says whether a service's protocol is read.
func (d *Decoders) Wants(service string) bool { return decodes(d.config.Protocol(service)) }

// NeedsProcess says that no session's process has to be known for it to be read.
func (*Decoders) NeedsProcess(string) bool { return false }

// Tap is the tap of a session, from what its open record says; nil when its service's protocol is not read.
func (d *Decoders) Tap(open *flow.Record) flow.SessionTap {
	protocol := d.config.Protocol(open.Service)
	if !decodes(protocol) {
		return nil
	}
	t := &tap{decoders: d}
	t.record = flow.Record{
		Event: flow.EventOperation, Service: open.Service, Session: open.Session, Peer: open.Peer, Origin: open.Origin,
	}
	if protocol != protocolAuto {
		t.decoder = d.decoder(protocol, t)
	}
	return t
}

func (d *Decoders) decoder(protocol string, t *tap) decoder {
	return newDecoder(protocol, &d.config, d.statements, t.emit)
}

// note says something about a service once.
func (d *Decoders) note(service, kind, text string) {
	if d.config.Note != nil && d.once.first(service, kind) {
		d.config.Note(service, kind, text)
	}
}

// encrypted is the note about a service whose clients encrypt.
func encrypted(service, protocol string) string {
	text := fmt.Sprintf("what clients ask of %s is encrypted and cannot be read", service)
	switch protocol {
	case protocolPostgres, protocolMySQL:
		return text + "; with tls: decline (--tls decline) they are told that there is no TLS, and those that do not insist on it " +
			"speak in the clear"
	}
	return text
}

// unknown is the note about a service of which nobody can say what is spoken.
func unknown(service string) string {
	return fmt.Sprintf("what is spoken to %s was not recognised, and nothing of it is read; say protocol: postgres, mysql, redis or "+
		"http when it is one of these", service)
}

// trouble says once why something was switched off.
func trouble(c *Config, o *once, service, protocol string, err error) {
	if c.Trouble != nil && o.first(service, protocol) {
		c.Trouble(service, err)
	}
}

// once knows what was said already.
type once struct{ said sync.Map }

type saidOf struct{ service, kind string }

func (o *once) first(service, kind string) bool {
	_, again := o.said.LoadOrStore(saidOf{service, kind}, nil)
	return !again
}
