package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// feedReader goes through what is committed of the journal that this process writes. Unlike [reader] it needs not look
// at the directory for more, and never sees what may still be withdrawn.
type feedReader struct {
	dir    string
	id     string // the journal's
	feeds  *feeds
	file   *tail // nil when no segment is open
	lines  *lineReader
	at     flow.Identity // the last record that was read; its epoch is empty when only its number is known
	epoch  string        // of the lines that are being read
	behind uint64        // the first number of the segment that was read last
	// missed are the records that should have been read and were not there, or were none.
	missed uint64
}

func newFeedReader(j *Journal) *feedReader {
	return &feedReader{dir: j.Dir(), id: j.id, feeds: &j.feeds, lines: newLineReader(nil)}
}

func (r *feedReader) close() {
	if r.file != nil {
		_ = r.file.source.Close() // only read
		r.file = nil
	}
}

// rewind makes the record behind the one numbered seq the next.
func (r *feedReader) rewind(seq uint64) {
	r.close()
	r.at, r.epoch, r.behind = flow.Identity{Journal: r.id, Seq: seq}, "", 0
}

// next returns the next line and its head, valid until the next call; io.EOF says that there is no more now.
func (r *feedReader) next() ([]byte, head, error) {
	for {
		if r.file == nil {
			if err := r.open(); err != nil {
				return nil, head{}, err
			}
		}
		line, err := r.lines.next()
		switch {
		case errors.Is(err, io.EOF) && r.file.over:
			r.close()
		case errors.Is(err, io.EOF):
			r.pass(r.file.end.seq) // whatever else there was is no record
			return nil, head{}, io.EOF
		case errors.Is(err, errPartial) || errors.Is(err, errLong): // no record
		case errors.Is(err, errPacked):
			r.close() // what cannot be read is missed when the next segment is read
		case err != nil:
			err = fmt.Errorf("read journal segment %s: %w", r.file.name, err)
			r.close()
			r.behind = 0 // it is opened again
			return nil, head{}, err
		default:
			if h, ok := parseHead(line); ok && r.accept(&h, line) {
				return line, h, nil
			}
		}
	}
}

// accept says whether a line is behind the position, and moves it there. A number that was not given out yet is
// damage: it must not move the position to where nothing is.
func (r *feedReader) accept(h *head, line []byte) bool {
	if h.event == flow.EventJournalStart || h.event == flow.EventJournalRotated {
		if e, err := Decode(line); err == nil {
			r.epoch = e.Identity.Epoch
		}
	}
	if h.seq == r.at.Seq {
		r.at.Epoch = r.epoch
	}
	if h.seq <= r.at.Seq || h.seq > r.file.end.seq {
		return false
	}
	r.pass(h.seq - 1)
	r.at.Seq, r.at.Epoch = h.seq, r.epoch
	return true
}

// pass counts what is missing between the position and the record numbered seq.
func (r *feedReader) pass(seq uint64) {
	if seq > r.at.Seq {
		r.missed += seq - r.at.Seq
		r.at.Seq = seq
	}
}

// open opens the segment in which to go on. It is io.EOF while that has nothing that is committed.
func (r *feedReader) open() error {
	end := r.feeds.end()
	if end.seq <= r.at.Seq || r.behind >= end.first {
		return io.EOF
	}
	const attempts = 4 // the segment may be compressed or erased between the look and the opening
	for n := 1; ; n++ {
		s, err := r.find()
		if err == nil {
			err = r.take(s)
		}
		if err == nil || n == attempts || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

func (r *feedReader) take(s segment) error {
	f, err := openSegment(s.path)
	if err != nil {
		return err
	}
	r.file = &tail{source: f, feeds: r.feeds, first: s.first, name: s.name()}
	r.behind = s.first
	r.lines.reset(r.file, 0)
	return nil
}

// find is the segment behind the one that was read; at first the one that has the next record, or, when that was
// erased, the oldest.
func (r *feedReader) find() (segment, error) {
	list, err := listSegments(r.dir)
	if err != nil {
		return segment{}, err
	}
	i, _ := slices.BinarySearchFunc(list, r.behind+1, func(s segment, first uint64) int {
		return cmp.Compare(s.first, first)
	})
	if r.behind == 0 {
		for i+1 < len(list) && list[i+1].first <= r.at.Seq+1 {
			i++
		}
	}
	if i == len(list) {
		return segment{}, fmt.Errorf("%w: the journal's directory %s has no segment for record %d", fs.ErrNotExist, r.dir,
			r.at.Seq+1)
	}
	return list[i], nil
}

// tail reads a segment up to where its records are committed.
type tail struct {
	source io.ReadCloser
	name   string
	feeds  *feeds
	first  uint64
	offset int64
	end    tip  // at the last reading
	over   bool // the end was read, and nothing comes behind it
}

func (t *tail) Read(p []byte) (int, error) {
	t.end = t.feeds.end()
	written := t.end.first == t.first
	if written {
		if p = p[:min(int64(len(p)), max(t.end.size-t.offset, 0))]; len(p) == 0 {
			return 0, io.EOF
		}
	}
	n, err := t.source.Read(p)
	t.offset += int64(n)
	if written && errors.Is(err, io.EOF) {
		return n, fmt.Errorf("it ends after %d of %d bytes: %w", t.offset, t.end.size, io.ErrUnexpectedEOF)
	}
	t.over = errors.Is(err, io.EOF)
	return n, err
}
