package main

import (
	"bufio"
	"io"
	"slices"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// shower shows records in a form. Its errors are of writing.
type shower interface {
	// takes says whether a record is shown in this form at all.
	takes(e *journal.Entry) bool
	record(e *journal.Entry) error
	// end writes what is held back. More may come.
	end() error
}

const showBuffer = 64 << 10

// logLines shows records to people, one a line.
type logLines struct {
	out    *bufio.Writer
	format terminal.Format
	beats  bool // heartbeats were asked for
	line   []byte
}

func newLogLines(out io.Writer, color, beats bool) *logLines {
	return &logLines{
		out: bufio.NewWriterSize(out, showBuffer), beats: beats,
		// The names are not known yet. Two make the column of services appear; it widens as they come.
		format: terminal.Format{Color: color, Date: true, Services: []string{"", ""}},
	}
}

func (l *logLines) takes(e *journal.Entry) bool {
	return l.beats || e.Record.Event != flow.EventJournalHeartbeat
}

func (l *logLines) record(e *journal.Entry) error {
	r := &e.Record
	if r.Service != "" && !slices.Contains(l.format.Services, r.Service) {
		l.format.Services = append(l.format.Services, r.Service)
	}
	l.line = l.format.Append(l.line[:0], r)
	_, err := l.out.Write(l.line)
	return err
}

func (l *logLines) end() error { return l.out.Flush() }

// jsonLines shows the journal's own lines.
type jsonLines struct{ out *bufio.Writer }

func newJSONLines(out io.Writer) *jsonLines { return &jsonLines{bufio.NewWriterSize(out, showBuffer)} }

func (l *jsonLines) takes(*journal.Entry) bool { return true }

func (l *jsonLines) record(e *journal.Entry) error {
	_, _ = l.out.Write(e.Line) // its error stays, and comes again
	return l.out.WriteByte('\n')
}

func (l *jsonLines) end() error { return l.out.Flush() }
