package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

const (
	// decodedMax is how many sessions that go on in another recording are remembered.
	decodedMax = 4096
	// recognised is how many bytes of one side are enough to tell what is spoken.
	recognised = 16
)

// recordDecoder has recorded sessions read by the decoders. A session that goes on in the next file is read on there.
type recordDecoder struct {
	decoders *wire.Decoders
	open     map[string]*decodedSession
	waiting  []string // of open: those whose file has ended
	told     *decoded // by the event in hand
	now      *decodedSession
}

// decodedSession is one that is read.
type decodedSession struct {
	tap     flow.SessionTap
	why     string // nothing is read any more; empty while something is
	seen    [2]int
	held    []chunk // while nobody knows what is spoken
	settled bool    // what is spoken is known
}

// decoded is what came of an event: operations that are over, or bytes that nobody can read.
type decoded struct {
	operations []*flow.Operation
	chunks     []chunk
	why        string // what ended the reading of operations, just now
	encrypted  bool   // it is that what follows is encrypted
}

// chunk is a piece of a direction.
type chunk struct {
	dir     flow.Direction
	at      time.Time
	bytes   []byte
	missing uint64
	reason  string // of missing
}

// newRecordDecoder makes one; protocol is what is spoken, or auto.
func newRecordDecoder(protocol string, how flow.Statements) *recordDecoder {
	d := &recordDecoder{open: map[string]*decodedSession{}}
	d.decoders = wire.New(wire.Config{
		// Every session is a service of its own here, so that each is told what is wrong with it.
		Protocol: func(string) string { return protocol }, Statements: how,
		Emit: func(r *flow.Record) {
			d.told.operations = append(d.told.operations, r.Operation)
			d.now.settled, d.now.held = true, nil
		},
		Note: func(_, kind, _ string) {
			if kind == wire.NoteEncrypted {
				d.end("what is said from here on is encrypted")
				d.told.encrypted = true
			} else {
				d.end("what is spoken was not recognised; --protocol says it")
			}
		},
		Trouble: func(_ string, err error) {
			d.end("from here on it cannot be read: " + cause(err))
		},
	})
	return d
}

// cause is what is behind the words for somebody who reads sessions that still run.
func cause(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}

func (d *recordDecoder) end(why string) { d.now.why, d.told.why = why, why }

// event has an event read. What it answers is valid until the recording's next event.
func (d *recordDecoder) event(e *recording.Event) *decoded {
	d.told = &decoded{}
	name := e.Session.Name()
	s := d.open[name]
	if s == nil {
		s = &decodedSession{tap: d.decoders.Tap(&flow.Record{Service: name})}
		d.open[name] = s
		if s.tap == nil {
			s.why = "nothing is read"
		}
	}
	d.now = s
	switch e.Kind {
	case recording.Opened:
		d.waiting = slices.DeleteFunc(d.waiting, func(n string) bool { return n == name })
	case recording.Data:
		d.data(s, e)
	case recording.Ended:
		if e.Unfinished && e.Session.ID != "" {
			d.later(name)
		} else {
			d.done(name, e.At)
		}
	}
	return d.told
}

func (d *recordDecoder) data(s *decodedSession, e *recording.Event) {
	reading := s.why == ""
	if reading {
		if len(e.Payload) > 0 {
			s.tap.Data(e.Direction, e.At, e.Payload)
		}
		if e.Missing > 0 {
			s.tap.Skipped(e.Direction, e.At, e.Missing)
		}
		s.seen[e.Direction] += len(e.Payload)
	}
	c := chunk{e.Direction, e.At, e.Payload, e.Missing, e.Why}
	switch {
	case !reading:
		d.told.chunks = append(d.told.chunks, c)
	case s.why != "":
		d.told.chunks = append(s.held, c)
		s.held = nil
	case s.settled:
	case s.seen[e.Direction] < recognised:
		c.bytes = bytes.Clone(c.bytes)
		s.held = append(s.held, c)
	default:
		s.settled, s.held = true, nil
	}
}

// later waits for what the next recording has of a session.
func (d *recordDecoder) later(name string) {
	d.waiting = append(d.waiting, name)
	if len(d.waiting) > decodedMax {
		first := d.waiting[0]
		d.waiting = d.waiting[1:]
		delete(d.open, first)
	}
}

// done tells what is left unfinished of a session.
func (d *recordDecoder) done(name string, at time.Time) {
	s := d.open[name]
	delete(d.open, name)
	if s == nil || s.tap == nil {
		return
	}
	s.tap.Done(at, nil)
	d.told.chunks = append(d.told.chunks, s.held...)
}

// rest is what is left of a session when there is no more recording.
func (d *recordDecoder) rest(name string, at time.Time) *decoded {
	d.told = &decoded{}
	if d.now = d.open[name]; d.now != nil {
		d.done(name, at)
	}
	return d.told
}

// protocolWords are what --protocol takes.
func protocolWords() []string { return []string{"auto", "postgres", "mysql", "redis", "http", "none"} }

func checkProtocol(word string) error {
	if slices.Contains(protocolWords(), word) {
		return nil
	}
	return usageError(fmt.Errorf("--protocol %q: expected one of %s", word, strings.Join(protocolWords(), ", ")))
}
