package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// exportedSession is the line of a session.
type exportedSession struct {
	Event string    `json:"event"` // session
	Time  time.Time `json:"time"`
	listedSession
}

// exportedData is the line of bytes that could not be read.
type exportedData struct {
	Event     string    `json:"event"` // data
	Time      time.Time `json:"time"`
	Service   namedJSON `json:"service"`
	Session   idJSON    `json:"session"`
	Direction string    `json:"direction"` // from_client, from_backend
	Data      []byte    `json:"data,omitempty"`
	NotKept   uint64    `json:"bytes_not_kept,omitempty"`
	Why       string    `json:"why,omitempty"`
}

// A service and a session as the journal has them.
type (
	namedJSON struct {
		Name string `json:"name"`
	}
	idJSON struct {
		ID string `json:"id"`
	}
)

// json writes what was asked, or said, as lines of JSON.
func (e *sessionExport) json(ctx context.Context, stdout io.Writer) error {
	write := func(w io.Writer) error {
		j := &jsonExport{
			out: bufio.NewWriterSize(w, showBuffer), decoder: newRecordDecoder(e.protocol, flow.StatementsText),
			open: map[string]recording.Session{}, encoder: journal.NewEncoder(),
		}
		return errors.Join(e.each(ctx, j.event), j.rest(), j.out.Flush())
	}
	if e.to == "-" {
		return write(stdout)
	}
	return exportFile(e.to, write)
}

// jsonExport writes the lines.
type jsonExport struct {
	out     *bufio.Writer
	decoder *recordDecoder
	open    map[string]recording.Session // that are not over
	file    *recordedFile
	known   map[openedJSON]*recordedSession // of file
	last    time.Time
	line    []byte
	encoder journal.Encoder
}

func (j *jsonExport) event(file *recordedFile, ev *recording.Event) error {
	j.last = ev.At
	name := ev.Session.Name()
	if _, known := j.open[name]; !known {
		if err := j.session(file, ev); err != nil {
			return err
		}
	}
	j.open[name] = *ev.Session
	if err := j.write(ev.Session, j.decoder.event(ev)); err != nil {
		return err
	}
	if ev.Kind == recording.Ended && (!ev.Unfinished || ev.Session.ID == "") {
		delete(j.open, name)
	}
	return nil
}

// openedJSON tells the sessions of a file apart. When it opens, a session may not have its identifier yet, or no client.
type openedJSON struct {
	at     time.Time
	id     string
	client netip.AddrPort
}

// session writes what the catalogue has of a session whose first event this is.
func (j *jsonExport) session(file *recordedFile, ev *recording.Event) error {
	if j.file != file {
		j.file, j.known = file, make(map[openedJSON]*recordedSession, len(file.sessions))
		for _, s := range file.sessions {
			j.known[openedJSON{at: s.Opened, id: s.ID}] = s
			j.known[openedJSON{at: s.Opened, client: s.Client}] = s
		}
	}
	key := openedJSON{at: ev.Session.Opened, id: ev.Session.ID}
	if key.id == "" {
		key.client = ev.Session.Client
	}
	s := j.known[key]
	if s == nil {
		return nil
	}
	return writeJSON(j.out, exportedSession{"session", s.Opened, s.listed()})
}

// write writes what was read of an event.
func (j *jsonExport) write(s *recording.Session, told *decoded) error {
	for _, o := range told.operations {
		if err := j.operation(s, o); err != nil {
			return err
		}
	}
	for i := range told.chunks {
		c := &told.chunks[i]
		line := exportedData{
			Event: "data", Time: c.at, Service: namedJSON{s.Service}, Session: idJSON{s.Name()}, Direction: c.dir.String(),
			Data: c.bytes, NotKept: c.missing, Why: c.reason,
		}
		if err := writeJSON(j.out, line); err != nil {
			return err
		}
	}
	return nil
}

// operation writes an operation as the journal would have it, without who asked: a recording does not tell how sure that
// is, and the session's line has it.
func (j *jsonExport) operation(s *recording.Session, o *flow.Operation) error {
	r := flow.Record{
		Event: flow.EventOperation, Time: o.Started.Add(max(o.Asked, o.LastByte)), Service: s.Service, Operation: o,
	}
	if len(s.ID) == len(r.Session) {
		copy(r.Session[:], s.ID)
	}
	line, err := j.encoder.Append(j.line[:0], flow.Identity{}, &r)
	if err != nil {
		return fmt.Errorf("write an operation as JSON: %w", err)
	}
	j.line = append(plainJSON(line), '\n')
	_, err = j.out.Write(j.line)
	return err
}

// rest writes what is left unfinished of sessions whose end no recording has.
func (j *jsonExport) rest() error {
	for name, s := range j.open {
		if err := j.write(&s, j.decoder.rest(name, j.last)); err != nil {
			return err
		}
	}
	return nil
}
