// Package terminal shows records to people: a line each, a summary at the end.
//
// Whatever a peer sends, and whoever named a program, a line stays one line and keeps its colour: every text goes
// through one function that writes what is not visible as an escape.
package terminal

import (
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Widths of the columns. 21 is the longest IPv4 address with its port; longer texts push the rest of their line.
const (
	eventWidth   = 8
	idWidth      = 6
	whoWidth     = 20
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
		f.session(l, r)
		l.cell(red, refusedWords(r), 0)
	case flow.EventAlert:
		alertLine(l, r.Alert)
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
	l.fixed(plain, who(r.Origin), whoWidth)
	l.cell(plain, where(r.Peer), whereWidth)
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
		f.session(l, r)
		return
	}
	l.cell(red, "OBSERVED", eventWidth)
	f.session(l, r)
	l.cell(red, "let in, would be refused: "+or(r.Verdict.Reason, r.Verdict.Cause.String()), 0)
}

// observed says whether a session was let in only because the rules are not enforced.
func observed(r *flow.Record) bool {
	return r.Verdict != nil && r.Verdict.Action == flow.WouldDeny
}

func (f *Format) close(l *line, r *flow.Record) {
	l.cell(plain, "close", eventWidth)
	f.session(l, r)
	o := r.Outcome
	if o == nil {
		return
	}
	if o.Known {
		l.right(span(o.Duration), spanWidth)
		l.right(human(o.FromClient), bytesWidth)
		l.cell(dim, "up", 0)
		l.right(human(o.FromBackend), bytesWidth)
		l.cell(dim, "down", 0)
	} else {
		l.cell(dim, "duration and bytes unknown", 0)
	}
	l.cell(causePaint(o.End), Cause(o, r.Backend), 0)
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

func alertLine(l *line, a *flow.Alert) {
	p := red
	if a != nil && a.Severity == flow.SeverityInfo {
		p = yellow
	}
	l.cell(p, "ALERT", eventWidth)
	if a == nil {
		return
	}
	l.cell(p, strings.ToUpper(a.Severity.String()), 0)
	l.cell(p, a.Message, 0)
	l.cell(dim, "["+a.Condition+"]", 0)
}

// otherLine is for what the journal and the configuration say.
func otherLine(l *line, r *flow.Record) {
	switch {
	case r.Event == flow.EventConfigRejected && r.Config != nil:
		l.cell(red, "CONFIG", eventWidth)
		problems := strings.Split(strings.TrimSpace(r.Config.Error), "\n")
		l.cell(red, with("rejected, nothing is changed", with(r.Config.Source, strings.Join(problems, "; "))), 0)
	case r.Config != nil:
		l.cell(plain, "config", eventWidth)
		l.cell(plain, "loaded from "+or(r.Config.Source, "nowhere"), 0)
	case r.Event == flow.EventJournalGap && r.Journal != nil:
		l.cell(red, "JOURNAL", eventWidth)
		l.cell(red, journalWords(r.Event, r.Journal), 0)
	case r.Journal != nil:
		l.cell(dim, "journal", eventWidth)
		l.cell(plain, journalWords(r.Event, r.Journal), 0)
	default:
		l.cell(plain, r.Event.String(), eventWidth)
	}
}
