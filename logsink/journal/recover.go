package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// findings are what recovery found in the directory.
type findings struct {
	open   []place // the opens without a close, oldest first
	bytes  int64   // moved aside
	reason string  // in words; empty when the journal was ended in order
}

func (f *findings) add(reason string) {
	if f.reason != "" {
		f.reason += "; "
	}
	f.reason += reason
}

func (f *findings) record(now time.Time) flow.Record {
	return flow.Record{Time: now, Event: flow.EventJournalRecovered, Journal: &flow.Journal{
		Count: uint64(len(f.open)), Bytes: uint64(f.bytes), Reason: f.reason,
	}}
}

// place is where an open record stands.
type place struct {
	session flow.SessionID
	path    string
	offset  int64
	length  int
	seq     uint64
}

// crashed makes the close of a session that was open at a crash. What the open told is told again, as far as it can
// be read; the counts are unknown.
func (p *place) crashed(now time.Time) flow.Record {
	r := flow.Record{
		Time: now, Event: flow.EventSessionClose, Session: p.session,
		Outcome: &flow.Outcome{
			End: flow.EndCrashRecovered, EndedBy: flow.SideLodoor, Detail: "lodoor ended while the session was open",
		},
	}
	if e, err := p.read(); err == nil {
		r.Service, r.Peer, r.Origin, r.Backend = e.Service, e.Peer, e.Origin, e.Backend
	}
	return r
}

func (p *place) read() (flow.Record, error) {
	f, err := os.Open(p.path)
	if err != nil {
		return flow.Record{}, err
	}
	defer f.Close()
	line := make([]byte, p.length)
	if _, err := f.ReadAt(line, p.offset); err != nil {
		return flow.Record{}, err
	}
	e, err := Decode(line)
	return e.Record, err
}

// recover finds the last record of the journal, moves aside what is behind it, and finds the sessions that were open.
// It leaves every segment in w.finished.
func (w *writer) recover() (*findings, error) {
	segments, err := listSegments(w.dir)
	if err != nil {
		return nil, err
	}
	found := &findings{}
	last, segments, err := w.lastRecord(segments, found)
	if err != nil || len(segments) == 0 {
		return found, err
	}
	w.finished = segments
	if w.id, err = journalID(segments); err != nil {
		return nil, err
	}
	w.at = last.point
	if last.stopped && last.open == 0 {
		return found, nil
	}
	if !last.stopped {
		found.add("lodoor ended without journal.stop")
	}
	if err := w.findOpen(found); err != nil {
		return nil, err
	}
	if len(found.open) > 0 {
		found.add("sessions were open")
	}
	return found, nil
}

// journalID reads the id off the first segment that tells it.
func journalID(segments []segment) (string, error) {
	var first error
	for i := range segments {
		e, err := firstEntry(segments[i].path)
		if err == nil && e.Identity.Journal != "" {
			return e.Identity.Journal, nil
		}
		if err == nil {
			err = fmt.Errorf("%s:1: expected journal.start or journal.rotated, found %s", segments[i].name(),
				e.Record.Event)
		}
		if first == nil {
			first = err
		}
	}
	return "", fmt.Errorf("no segment tells the journal's id (move the directory away to begin a new journal): %w", first)
}

// ending is how a journal ends.
type ending struct {
	point
	stopped bool   // by journal.stop
	open    uint64 // sessions that were open then
}

// lastRecord finds the last record that follows the one before it, and moves aside what is behind it. Segments that
// have no such record are moved aside as a whole; the rest is returned.
func (w *writer) lastRecord(segments []segment, found *findings) (ending, []segment, error) {
	for len(segments) > 0 {
		s := &segments[len(segments)-1]
		end, good, err := scanEnd(s)
		if err == nil && good < s.size {
			err = w.moveAside(s, good, found)
		}
		if err != nil {
			return end, nil, err
		}
		if good > 0 {
			return end, segments, nil
		}
		if err := os.Remove(s.path); err != nil {
			return end, nil, err
		}
		segments = segments[:len(segments)-1]
	}
	return ending{}, nil, nil
}

// scanEnd finds a segment's last record that follows the one before it; good is the offset behind it, 0 when there is
// none. Damage in the middle, with good records behind it, is for Verify to tell.
func scanEnd(s *segment) (end ending, good int64, err error) {
	f, err := os.Open(s.path)
	if err != nil {
		return end, 0, err
	}
	defer f.Close()
	var previous point
	if first, err := firstEntry(s.path); err == nil {
		previous, _ = before(first)
	}
	var hash hasher
	for l := newLineReader(f); ; {
		line, err := l.next()
		if errors.Is(err, errLong) {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errPartial) {
			return end, good, nil
		}
		if err != nil {
			return end, good, err
		}
		h, ok := parseHead(line)
		if !ok {
			continue
		}
		if h.follows(previous, &hash) {
			good = l.end
			end = endingAt(&h, line)
		}
		if p, ok := h.point(); ok {
			previous = p
		}
	}
}

func endingAt(h *head, line []byte) ending {
	var end ending
	end.point, _ = h.point()
	if h.event != flow.EventJournalStop.String() {
		return end
	}
	if e, err := Decode(line); err == nil && e.Record.Journal != nil {
		end.stopped, end.open = true, e.Record.Journal.Count
	}
	return end
}

// findOpen finds the sessions that have an open and no close, in all segments. What stands in a segment behind the
// number with which the next one begins was withdrawn there, and did not get off the file: it is moved aside.
func (w *writer) findOpen(found *findings) error {
	open := make(map[flow.SessionID]place)
	for i := range w.finished {
		limit := w.at.seq + 1
		if i+1 < len(w.finished) {
			limit = w.finished[i+1].first
		}
		good, err := scanSessions(&w.finished[i], limit, open)
		if err == nil && good < w.finished[i].size {
			err = w.moveAside(&w.finished[i], good, found)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range open {
		found.open = append(found.open, p)
	}
	slices.SortFunc(found.open, func(a, b place) int { return int(a.seq) - int(b.seq) })
	return nil
}

// scanSessions follows the opens and closes of a segment, up to the record numbered limit, and returns the offset
// where that stands.
func scanSessions(s *segment, limit uint64, open map[flow.SessionID]place) (int64, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for l := newLineReader(f); ; {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return l.end, nil
		}
		if err != nil && !errors.Is(err, errLong) && !errors.Is(err, errPartial) {
			return 0, err
		}
		h, ok := parseHead(line)
		if !ok || err != nil {
			continue
		}
		if h.seq >= limit {
			return l.offset, nil
		}
		switch h.event {
		case flow.EventSessionOpen.String():
			id := h.session()
			open[id] = place{id, s.path, l.offset, len(line), h.seq}
		case flow.EventSessionClose.String():
			delete(open, h.session())
		}
	}
}

// moveAside moves what stands behind good into a file of its own and cuts it off. The copy is safe before the cut.
func (w *writer) moveAside(s *segment, good int64, found *findings) error {
	from, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	name := freeName(fmt.Sprintf("%s%s%d", strings.TrimSuffix(s.path, segmentSuffix), tornMark, good))
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	size := s.size - good
	_, err = io.Copy(to, io.NewSectionReader(from, good, size))
	if err = errors.Join(err, to.Sync(), to.Close(), syncDir(w.dir)); err != nil {
		return fmt.Errorf("set aside the end of %s: %w", s.name(), err)
	}
	if err := errors.Join(from.Truncate(good), from.Sync()); err != nil {
		return fmt.Errorf("cut the end of %s: %w", s.name(), err)
	}
	s.size = good
	found.bytes += size
	found.add(fmt.Sprintf("%d bytes at the end of %s are no records and were moved to %s", size, s.name(),
		filepath.Base(name)))
	return nil
}

// freeName adds a number to a name that is taken.
func freeName(name string) string {
	for i, free := 2, name; ; i++ {
		if _, err := os.Lstat(free); errors.Is(err, os.ErrNotExist) {
			return free
		}
		free = fmt.Sprintf("%s.%d", name, i)
	}
}
