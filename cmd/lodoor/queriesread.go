package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// queries adds up what was asked, as far as it is wanted, and shows it.
type queries struct {
	services, programs []string
	from, to           time.Time
	view               queryView

	table  operations.Table
	count  uint64
	failed uint64
	names  map[string]bool // of services
	now    time.Time       // until when transactions that are open are idle
}

// add takes a record; of those that are not wanted nothing becomes.
func (q *queries) add(r *flow.Record) {
	switch {
	case !q.wants(r):
		return
	case r.Operation != nil:
		q.count++
		if q.names == nil {
			q.names = make(map[string]bool)
		}
		q.names[r.Service] = true
		if r.Operation.Failed {
			q.failed++
		}
	}
	q.table.Add(r)
}

// wants says whether a record is wanted. Closes of sessions are, of all programs: they may not tell theirs.
func (q *queries) wants(r *flow.Record) bool {
	return (len(q.services) == 0 || slices.Contains(q.services, r.Service)) &&
		(q.from.IsZero() || !r.Time.Before(q.from)) && (q.to.IsZero() || r.Time.Before(q.to)) &&
		(len(q.programs) == 0 || r.Operation == nil || slices.ContainsFunc(askers(r), q.named))
}

func (q *queries) named(program string) bool {
	return slices.ContainsFunc(q.programs, func(name string) bool {
		return program == name || strings.HasPrefix(program, name+" ")
	})
}

// askers are the names of who may have asked.
func askers(r *flow.Record) []string {
	names := []string{r.Operation.Application}
	if o := r.Origin; o != nil {
		names = append(names, o.Program)
		for _, p := range o.Processes() {
			names = append(names, p.Program)
		}
	}
	return names
}

// readJournals reads what the journals have. unread says that there were lines that could not be read.
func (f *queriesFlags) readJournals(ctx context.Context, q *queries, errs io.Writer) (unread, err error) {
	dirs, err := f.find()
	if err != nil {
		return nil, err
	}
	want := history.Filter{
		Services: f.services, Since: f.from, Until: f.to, Events: []flow.Event{flow.EventOperation, flow.EventSessionClose},
	}
	v := newLogView(&queryRecords{q}, errs, want, fromAuto)
	if err := v.past(ctx, dirs, ""); err != nil {
		return nil, err
	}
	if q.now = time.Now(); !f.to.IsZero() && f.to.Before(q.now) {
		q.now = f.to
	}
	return v.damage(), nil
}

// queryRecords is what takes the records of journals.
type queryRecords struct{ *queries }

func (*queryRecords) takes(*journal.Entry) bool { return true }

func (q *queryRecords) record(e *journal.Entry) error {
	q.add(&e.Record)
	return nil
}

func (*queryRecords) end() error { return nil }

// readRecordings reads what recordings have. unread says that some could not be read, or not to their end.
func (f *queriesFlags) readRecordings(ctx context.Context, q *queries, args []string, errs io.Writer) (unread, err error) {
	found, err := f.recordings.find(ctx, args, errs)
	if err != nil {
		return nil, err
	}
	p := &playedBack{
		queries: q, decoder: newRecordDecoder(f.protocol, flow.StatementsFingerprint), sessions: map[string]*flow.Record{},
		silent: map[string]uint64{},
	}
	options := f.recordings.keys
	options.Session = func(s *recording.Session) bool {
		return s.Service == "" || len(f.services) == 0 || slices.Contains(f.services, s.Service)
	}
	for i := range found {
		file := &recordedFile{Info: found[i]}
		err := file.read(ctx, options, func(e *recording.Event) error { p.event(e); return nil })
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			f.recordings.trouble(err)
		}
	}
	p.end()
	for _, what := range slices.Sorted(maps.Keys(p.silent)) {
		f.recordings.warn(plural(p.silent[what], "session") + " of " + what)
	}
	return f.recordings.incomplete(), nil
}

// playedBack makes records of what recordings tell.
type playedBack struct {
	*queries
	decoder  *recordDecoder
	sessions map[string]*flow.Record // that are open, or go on in the next recording
	silent   map[string]uint64       // sessions, by why nothing more is read of them
}

// silentMax is how many reasons are told apart.
const silentMax = 20

func (p *playedBack) event(e *recording.Event) {
	name := e.Session.Name()
	r := p.sessions[name]
	if r == nil {
		r = &flow.Record{Event: flow.EventOperation}
		if len(e.Session.ID) != len(r.Session) || r.Session.UnmarshalText([]byte(e.Session.ID)) != nil {
			r.Session = flow.NewSessionID() // the recording does not tell it
		}
		p.sessions[name] = r
	}
	r.Service = e.Session.Service
	if s := e.Session; s.Program != "" || s.User != "" {
		r.Origin = &flow.Origin{Program: s.Program, User: s.User, PID: s.PID}
	}
	if e.At.After(p.now) {
		p.now = e.At
	}
	p.told(r, p.decoder.event(e), e.At)
	if e.Kind == recording.Ended && (!e.Unfinished || e.Session.ID == "") {
		p.close(name, e.At)
	}
}

// told adds what came of an event.
func (p *playedBack) told(r *flow.Record, d *decoded, at time.Time) {
	for _, o := range d.operations {
		r.Operation, r.Time = o, o.Started.Add(max(o.Asked, o.LastByte))
		if o.Unfinished && at.After(r.Time) {
			r.Time = at // so long it was waited for
		}
		p.add(r)
	}
	if d.why == "" {
		return
	}
	what := fmt.Sprintf("%s: %s", cmp.Or(r.Service, "a service without a name"), d.why)
	if _, known := p.silent[what]; known || len(p.silent) < silentMax {
		p.silent[what]++
	}
}

func (p *playedBack) close(name string, at time.Time) {
	p.add(&flow.Record{Event: flow.EventSessionClose, Session: p.sessions[name].Session, Service: p.sessions[name].Service, Time: at})
	delete(p.sessions, name)
}

// end tells what is left of sessions that no recording has the end of.
func (p *playedBack) end() {
	for name, r := range p.sessions {
		p.told(r, p.decoder.rest(name, p.now), p.now)
	}
}
