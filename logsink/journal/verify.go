package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/lodoor/lodoor/proxy/flow"
)

func verify(dir string) (*Report, error) {
	v := &verifier{report: &Report{Dir: dir}, open: make(map[flow.SessionID]opening)}
	segments, err := v.begin(dir)
	if err != nil {
		return nil, err
	}
	for i := range segments {
		problem, err := v.segment(&segments[i], i == len(segments)-1)
		if err != nil {
			return nil, fmt.Errorf("verify journal %s: %w", dir, err)
		}
		if problem != nil {
			v.report.Problem = problem
			return v.report, nil
		}
	}
	v.report.Problem = v.end(&segments[0])
	return v.report, nil
}

// verifier goes through the journal once.
type verifier struct {
	report  *Report
	at      point // the record before
	hash    hasher
	lines   *lineReader
	open    map[flow.SessionID]opening
	start   point             // before the first record that is there
	pruned  map[uint64]string // the chain's value after the last record of each pruned segment
	name    string            // of the segment
	line    int               // the last that was read
	stopped bool              // the last record is journal.stop
}

// opening is where a session was opened.
type opening struct {
	session flow.SessionID
	file    string
	line    int
	seq     uint64
}

func (v *verifier) begin(dir string) ([]segment, error) {
	var err error
	if v.report.Writer, v.report.Running, err = Writer(dir); err != nil {
		return nil, fmt.Errorf("verify journal %s: %w", dir, err)
	}
	segments, err := listSegments(dir)
	if err == nil && len(segments) == 0 || errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: it has no %s*%s file", ErrNoJournal, dir, segmentPrefix, segmentSuffix)
	}
	if err == nil {
		v.report.Torn, err = tornFiles(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("verify journal: %w", err)
	}
	v.report.Segments = len(segments)
	v.lines = newLineReader(nil)
	v.pruned = make(map[uint64]string)
	return segments, nil
}

func (v *verifier) problem(expected, format string, args ...any) *Problem {
	return &Problem{File: v.name, Line: v.line, Expected: expected, Found: fmt.Sprintf(format, args...)}
}

// segment checks one segment, the last one up to where it is being written.
func (v *verifier) segment(s *segment, last bool) (*Problem, error) {
	f, err := openSegment(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v.lines.reset(f, 0)
	v.name, v.line = s.name(), 0
	for {
		line, err := v.lines.next()
		if errors.Is(err, io.EOF) {
			return v.empty(last), nil
		}
		v.line = v.lines.number
		switch {
		case errors.Is(err, errPartial) && last && v.report.Running:
			return nil, nil // it is being written
		case errors.Is(err, errPartial), errors.Is(err, errLong):
			return v.problem("a whole line", "%d bytes and no newline", len(line)), nil
		case errors.Is(err, errPacked):
			return v.problem("a whole compressed segment", "%v", err), nil
		case err != nil:
			return nil, err
		}
		if problem := v.record(s, line); problem != nil {
			return problem, nil
		}
	}
}

// empty is a problem where something was there and is gone.
func (v *verifier) empty(last bool) *Problem {
	if v.line > 0 || last && v.report.Running {
		return nil
	}
	v.line = 1
	return v.problem("a record", "an empty file")
}

func (v *verifier) record(s *segment, line []byte) *Problem {
	h, ok := parseHead(line)
	if !ok {
		return v.problem("a record", "a line that is none (%d bytes)", len(line))
	}
	if v.report.Records == 0 {
		if problem := v.first(s, &h, line); problem != nil {
			return problem
		}
	}
	if h.seq != v.at.seq+1 || v.line == 1 && h.seq != s.first {
		return v.problem(fmt.Sprintf("record %d", v.at.seq+1), "record %d", h.seq)
	}
	stored, ok := parseChain(h.chain)
	if computed := v.hash.next(v.at.chain, h.covered); !ok || stored != computed {
		return v.problem("chain "+computed.String(), "%.64q: record %d or one before it was changed", h.chain, h.seq)
	}
	v.at = point{h.seq, stored}
	v.report.Records++
	v.report.Last = h.seq
	v.stopped = h.event == flow.EventJournalStop
	return v.event(&h, line)
}

// first begins at the first record that is there. Where that is not the first of the journal, the chain's value before
// it is what it says itself, until a journal.pruned says the same.
func (v *verifier) first(s *segment, h *head, line []byte) *Problem {
	e, err := Decode(line)
	if err != nil {
		return v.problem("a record", "%v", err)
	}
	start, ok := before(e)
	if !ok || h.seq != s.first {
		return v.problem(fmt.Sprintf("journal.start or journal.rotated numbered %d", s.first), "%s numbered %d",
			e.Record.Event, h.seq)
	}
	v.at, v.start = start, start
	v.report.ID, v.report.First, v.report.Pruned = e.Identity.Journal, h.seq, h.seq-1
	return nil
}

func (v *verifier) event(h *head, line []byte) *Problem {
	switch h.event {
	case flow.EventSessionOpen:
		id := h.session()
		if _, again := v.open[id]; again {
			return v.problem("a session that is new", "session %q, which is open since record %d", id, v.open[id].seq)
		}
		v.report.Opens++
		v.open[id] = opening{id, v.name, v.line, h.seq}
	case flow.EventSessionClose, flow.EventSessionOrigin:
		id := h.session()
		if _, open := v.open[id]; !open && v.report.Pruned == 0 {
			return v.problem("a session that is open", "session %q, which is not", id)
		}
		if h.event == flow.EventSessionClose {
			v.report.Closes++
			delete(v.open, id)
		}
	case flow.EventJournalPruned, flow.EventJournalGap, flow.EventJournalStart,
		flow.EventJournalRotated:
		return v.own(line)
	}
	return nil
}

// own follows what the journal tells of itself.
func (v *verifier) own(line []byte) *Problem {
	e, err := Decode(line)
	if err != nil || e.Record.Journal == nil {
		return v.problem("a record of the journal", "%v", err)
	}
	switch j := e.Record.Journal; e.Record.Event {
	case flow.EventJournalPruned:
		v.pruned[j.Last] = j.Head
	case flow.EventJournalGap:
		v.report.Dropped += j.Count
	default:
		if j.ID != v.report.ID {
			return v.problem(fmt.Sprintf("journal %q", v.report.ID), "journal %q", j.ID)
		}
	}
	return nil
}

// end checks what can only be told at the end.
func (v *verifier) end(oldest *segment) *Problem {
	v.report.Open = len(v.open)
	if v.report.Records == 0 {
		return nil
	}
	if head := v.pruned[v.start.seq]; v.start.seq > 0 && head != v.start.chain.String() {
		return &Problem{
			File: oldest.name(), Line: 1, Expected: "record 1, or a journal.pruned that accounts for what is missing",
			Found: fmt.Sprintf("record %d; nothing accounts for records 1 to %d", v.start.seq+1, v.start.seq),
		}
	}
	if v.report.Running {
		return nil
	}
	if !v.stopped {
		return v.problem("journal.stop at the end",
			"another record, and no process that writes: lodoor was killed (its next start recovers) or the end was "+
				"cut off")
	}
	return v.unpaired()
}

func (v *verifier) unpaired() *Problem {
	var oldest *opening
	for _, p := range v.open {
		if oldest == nil || p.seq < oldest.seq {
			oldest = &p
		}
	}
	if oldest == nil {
		return nil
	}
	return &Problem{
		File: oldest.file, Line: oldest.line, Expected: fmt.Sprintf("a session.close for session %q", oldest.session),
		Found: "none (the next start of lodoor writes it)",
	}
}
