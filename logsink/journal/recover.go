package journal

import (
	"fmt"
	"os"
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

// recover finds the last record of the journal, moves aside what is behind it, and finds the sessions that were open.
// It leaves every segment in w.finished.
func (w *writer) recover() (*findings, error) {
	if err := removeHalfPacked(w.dir); err != nil {
		return nil, err
	}
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

// packedEnd is for a journal of which only compressed segments are left. Nothing is cut off one.
func packedEnd(s *segment, end ending, err error, segments []segment) (ending, []segment, error) {
	if err == nil && end.seq == 0 {
		err = errPacked
	}
	if err != nil {
		err = fmt.Errorf("the journal's last segment %s: %w (move the directory away to begin a new journal)", s.name(), err)
	}
	return end, segments, err
}

// lastRecord finds the last record that follows the one before it, and moves aside what is behind it. Segments that
// have no such record are moved aside as a whole; the rest is returned.
func (w *writer) lastRecord(segments []segment, found *findings) (ending, []segment, error) {
	for len(segments) > 0 {
		s := &segments[len(segments)-1]
		end, good, err := scanEnd(s)
		if s.packed() {
			return packedEnd(s, end, err, segments)
		}
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
