package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
)

// liveShower shows operations as they happen.
type liveShower interface {
	// begin is called when all doors are heard.
	begin(ctx context.Context) error
	// record shows an operation; more says that the next one is there already.
	record(r *flow.Record, more bool) error
	// tick is called every second, and at the end.
	tick(ctx context.Context) error
}

// liveLines shows them line by line.
type liveLines struct {
	form    shower
	errs    io.Writer
	doors   int
	line    []byte
	encoder journal.Encoder
}

func (l *liveLines) begin(context.Context) error {
	fmt.Fprintf(l.errs, "lodoor: following %s; sessions that began before are heard only where operations are recorded; Ctrl-C ends\n",
		plural(uint64(l.doors), "door"))
	return nil
}

func (l *liveLines) record(r *flow.Record, more bool) (err error) {
	if l.line, err = l.encoder.Append(l.line[:0], flow.Identity{}, r); err != nil {
		return err
	}
	if err := l.form.record(&journal.Entry{Record: *r, Line: l.line}); err != nil || more {
		return err
	}
	return l.form.end()
}

func (l *liveLines) tick(context.Context) error { return l.form.end() }

// liveTables shows sums of them, again and again.
type liveTables struct {
	*queries
	out   io.Writer
	doors []*control.Client
	seen  map[flow.SessionID]time.Time // sessions with an idle transaction: when they were open yet
}

func (l *liveTables) begin(ctx context.Context) error { return l.tick(ctx) }

func (*liveTables) record(*flow.Record, bool) error { return nil }

// tick shows the tables anew, as far as the screen has room; at the end, when ctx is over, all of them, and they stay.
func (l *liveTables) tick(ctx context.Context) error {
	l.now = time.Now()
	l.closeEnded(ctx)
	width, height := screenSize(l.out)
	l.view.width = max(width, sheetWidth)
	page := ""
	if ctx.Err() != nil {
		l.view.lines = textLines
		page = string(l.page())
	} else {
		l.view.lines = 1
		page = firstLines(string(l.page())+l.hint(), height-1)
	}
	// To the upper left, and nothing left of the last one (ECMA-48).
	_, err := io.WriteString(l.out, "\x1b[H\x1b[2J"+page)
	return err
}

// hint is for who has seen nothing yet.
func (l *liveTables) hint() string {
	if l.count > 0 {
		return ""
	}
	return "\nSessions that began before this are heard only where operations are recorded.\nCtrl-C ends.\n"
}

// closeEnded has the table forget sessions that have ended: doors tell operations only, and a transaction that its
// session took along is not idle.
func (l *liveTables) closeEnded(ctx context.Context) {
	idle := l.table.Idle(l.now, 0)
	if !slices.ContainsFunc(idle, func(i operations.IdleTransaction) bool { return !i.Over }) {
		return
	}
	open, err := openAt(ctx, l.doors)
	if err != nil {
		return // a door has ended, or ctx is over: then nothing more is shown as it is now
	}
	for _, i := range idle {
		switch {
		case i.Over:
		case open[i.Session]:
			l.seen[i.Session] = l.now
		default:
			at := l.seen[i.Session] // when it was open yet; at first it is not known to have been idle at all
			if at.Before(i.Since) {
				at = i.Since
			}
			l.table.Add(&flow.Record{Event: flow.EventSessionClose, Session: i.Session, Service: i.Service, Time: at})
			delete(l.seen, i.Session)
		}
	}
}

// openAt are the sessions that are open at doors.
func openAt(ctx context.Context, doors []*control.Client) (map[flow.SessionID]bool, error) {
	open := make(map[flow.SessionID]bool)
	for _, door := range doors {
		sessions, err := door.Sessions(ctx)
		if err != nil {
			return nil, err
		}
		for _, s := range sessions {
			e, err := journal.Decode(s.Record)
			if err != nil {
				return nil, err
			}
			open[e.Record.Session] = true
		}
	}
	return open, nil
}
