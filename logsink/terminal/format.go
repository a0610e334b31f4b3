// Package terminal shows records to people: a line each, a summary at the end.
//
// Whatever a peer sends, and whoever named a program, a line stays one line and keeps its colour: every text goes
// through one function that writes what is not visible as an escape.
package terminal

import (
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Widths of the columns. 21 is the longest IPv4 address with its port; longer texts push the rest of their line. With
// one service and nothing to remark, a line has less than 100 columns.
const (
	eventWidth   = 8
	idWidth      = 6
	whoWidth     = 24
	whereWidth   = 21
	spanWidth    = 8
	bytesWidth   = 8
	serviceLimit = 24
)

// Format says how lines for people look. The zero value is without colour, in local time, without the service.
type Format struct {
	// Color is for a terminal whose owner has not set NO_COLOR.
	Color bool
	// Date puts the day before the time.
	Date bool
	// Services are the names that the column of services has room for; when there are fewer than two it is left out.
	Services []string
	// Location is the zone of the times; nil is the local one.
	Location *time.Location
}

// Append appends a record as one line. No byte of it is a control, but for Color's codes and the newline at the end.
func (f *Format) Append(dst []byte, r *flow.Record) []byte {
	return f.append(dst, r, nil)
}

// append is Append; lost, when not nil, is why the record is not in the journal.
func (f *Format) append(dst []byte, r *flow.Record, lost error) []byte {
	l := f.begin(dst, r.Time)
	switch r.Event {
	case flow.EventSessionOpen:
		f.open(l, r)
	case flow.EventSessionClose:
		f.close(l, r)
	case flow.EventSessionRefused:
		l.cell(red, "REFUSED", eventWidth)
		f.peer(l, r)
		remarks(l, r.Origin)
		l.cell(red, refusedWords(r), 0)
	case flow.EventSessionOrigin:
		l.cell(plain, "origin", eventWidth)
		f.peer(l, r)
		remarks(l, r.Origin)
	case flow.EventAlert:
		alertLine(l, r.Alert)
	case flow.EventOperation:
		f.operation(l, r)
	default:
		otherLine(l, r)
	}
	if lost != nil {
		l.cell(red, "NOT IN THE JOURNAL: "+lost.Error(), 0)
	}
	return l.end()
}

// note is a line that is no record.
func (f *Format) note(dst []byte, t time.Time, p paint, word, text string) []byte {
	l := f.begin(dst, t)
	l.cell(p, word, eventWidth)
	l.cell(p, text, 0)
	return l.end()
}

func (f *Format) begin(dst []byte, t time.Time) *line {
	l := &line{dst: dst, color: f.Color}
	layout := "15:04:05.000"
	if f.Date {
		layout = "2006-01-02 15:04:05.000"
	}
	zone := f.Location
	if zone == nil {
		zone = time.Local
	}
	l.cell(dim, t.In(zone).Format(layout), 0)
	return l
}

// session puts the columns that all lines about sessions have.
func (f *Format) session(l *line, r *flow.Record) {
	l.fixed(plain, or(r.Session.Short(), "-"), idWidth)
	if len(f.Services) > 1 {
		l.fixed(plain, or(r.Service, "-"), f.serviceWidth())
	}
}

// peer puts session, process and place.
func (f *Format) peer(l *line, r *flow.Record) {
	f.session(l, r)
	l.fixed(plain, who(r.Origin, true), whoWidth)
	l.cell(plain, where(r), whereWidth)
}

func (f *Format) serviceWidth() int {
	width := 1
	for _, name := range f.Services {
		width = max(width, len([]rune(name)))
	}
	return min(width, serviceLimit)
}

func (f *Format) open(l *line, r *flow.Record) {
	if !observed(r) {
		l.cell(green, "open", eventWidth)
		f.peer(l, r)
		remarks(l, r.Origin)
		return
	}
	l.cell(red, "OBSERVED", eventWidth)
	f.peer(l, r)
	remarks(l, r.Origin)
	l.cell(red, "let in, would be refused: "+or(r.Verdict.Reason, r.Verdict.Cause.String()), 0)
}

// observed says whether a session was let in only because the rules are not enforced.
func observed(r *flow.Record) bool {
	return r.Verdict != nil && r.Verdict.Action == flow.WouldDeny
}

// close puts what became of a session. Number and place of the peer are in the line of its open; the place stands for
// who it is when that is not known.
func (f *Format) close(l *line, r *flow.Record) {
	l.cell(plain, "close", eventWidth)
	f.session(l, r)
	peer := who(r.Origin, false)
	if peer == "-" {
		peer = where(r)
	}
	l.fixed(plain, peer, whoWidth)
	if o := r.Outcome; o != nil {
		amounts(l, o)
		if cause := Cause(o, r.Backend); cause != "" {
			l.cell(causePaint(o.End), cause, 0)
		}
	}
	remarks(l, r.Origin)
}

// amounts are the duration and, unless none can have passed, the bytes.
func amounts(l *line, o *flow.Outcome) {
	if !o.Known {
		l.cell(dim, "duration and bytes unknown", 0)
		return
	}
	l.right(span(o.Duration), spanWidth)
	if o.End.DialFailed() || o.Refused != nil {
		return
	}
	l.right(human(o.FromClient), bytesWidth)
	l.cell(dim, "up", 0)
	l.right(human(o.FromBackend), bytesWidth)
	l.cell(dim, "down", 0)
}

func causePaint(e flow.End) paint {
	switch {
	case e.DialFailed() || e == flow.EndDenied:
		return red
	case e == flow.EndFIN:
		return plain
	default:
		return yellow
	}
}
