package journal

import (
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// place is where an open record stands, and its session's origin.
type place struct {
	session flow.SessionID
	seq     uint64
	open    stretch
	origin  stretch // zero when there is none
}

// stretch is where a line stands, without its newline.
type stretch struct {
	path   string
	offset int64
	length int
	line   string // itself, where it cannot be read at its place: in a compressed segment
}

// crashed makes the close of a session that was open at a crash. What was told of it is told again, as far as it can
// be read; the counts are unknown.
func (p *place) crashed(now time.Time) flow.Record {
	r := flow.Record{
		Time: now, Event: flow.EventSessionClose, Session: p.session,
		Outcome: &flow.Outcome{
			End: flow.EndCrashRecovered, EndedBy: flow.SideLodoor, Detail: "lodoor ended while the session was open",
		},
	}
	if e, err := p.open.read(); err == nil {
		r.Service, r.Peer, r.Origin, r.Backend = e.Service, e.Peer, e.Origin, e.Backend
	}
	if p.origin == (stretch{}) {
		return r
	}
	if e, err := p.origin.read(); err == nil && e.Origin != nil {
		r.Origin = e.Origin
	}
	return r
}

func (s *stretch) read() (flow.Record, error) {
	if s.line != "" {
		e, err := Decode([]byte(s.line))
		return e.Record, err
	}
	f, err := os.Open(s.path)
	if err != nil {
		return flow.Record{}, err
	}
	defer f.Close()
	line := make([]byte, s.length)
	if _, err := f.ReadAt(line, s.offset); err != nil {
		return flow.Record{}, err
	}
	e, err := Decode(line)
	return e.Record, err
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
		s := &w.finished[i]
		good, err := scanSessions(s, limit, open)
		switch {
		case errors.Is(err, errPacked): // for Verify to tell, as other damage is
			found.add(s.name() + " cannot be read to its end")
			err = nil
		case err == nil && !s.packed() && good < s.size:
			err = w.moveAside(s, good, found)
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

// scanSessions follows the sessions of a segment, up to the record numbered limit, and returns the offset
// where that stands.
func scanSessions(s *segment, limit uint64, open map[flow.SessionID]place) (int64, error) {
	f, err := openSegment(s.path)
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
		at := stretch{path: s.path, offset: l.offset, length: len(line)}
		if s.packed() {
			at.line = string(line)
		}
		noteSession(open, &h, at)
	}
}

// noteSession keeps where the record of a session stands until its close.
func noteSession(open map[flow.SessionID]place, h *head, at stretch) {
	switch h.event {
	case flow.EventSessionOpen:
		id := h.session()
		open[id] = place{session: id, seq: h.seq, open: at}
	case flow.EventSessionOrigin:
		if p, ok := open[h.session()]; ok {
			p.origin = at
			open[p.session] = p
		}
	case flow.EventSessionClose:
		delete(open, h.session())
	}
}
