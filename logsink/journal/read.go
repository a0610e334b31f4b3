package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// From says where reading begins. The zero From is the oldest record that there is.
type From struct {
	// Seq leaves out the records before this number.
	Seq uint64
	// Since leaves out the records of events before this time. Times do not rise with the numbers: an event is
	// recorded after it happened.
	Since time.Time
}

// followPause is how long Follow waits before it looks again.
const followPause = 150 * time.Millisecond

// Read yields the records of the journal in dir, up to the last complete one. It does not look at the chain: Verify
// does. A line that cannot be read is yielded with its error, and reading goes on; where a compressed segment is
// damaged it goes on in the next one. An error of the file system comes with the zero Entry and is the last. An Entry's
// Line is valid until the next one.
func Read(dir string, from From) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r := newReader(dir, from)
		defer r.close()
		r.drain(yield)
	}
}

// Follow yields what Read does, and then what is written later, until ctx ends.
func Follow(ctx context.Context, dir string, from From) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		r := newReader(dir, from)
		defer r.close()
		tick := time.NewTicker(followPause)
		defer tick.Stop()
		for r.drain(yield) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}
}

// reader goes through the segments of a directory that may be written, rotated and pruned meanwhile.
type reader struct {
	dir   string
	from  From
	since []byte // as the lines have it; nil for all times

	file           io.ReadCloser
	first          uint64 // of the segment that is open
	name           string // of it
	lines          *lineReader
	journal, epoch string
}

func newReader(dir string, from From) *reader {
	r := &reader{dir: dir, from: from, lines: newLineReader(nil)}
	if !from.Since.IsZero() {
		r.since = from.Since.UTC().AppendFormat(nil, timeFormat)
	}
	return r
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close() // only read
		r.file = nil
	}
}

// drain yields all that there is now. It answers false when nothing more is wanted, or nothing more can be read.
func (r *reader) drain(yield func(Entry, error) bool) bool {
	for {
		// Whether there is a later segment is asked before the present one is read to its end: if there is, nothing
		// more comes here.
		next, found, err := r.next()
		if err != nil {
			yield(Entry{}, fmt.Errorf("read journal %s: %w", r.dir, err))
			return false
		}
		if r.file != nil && !r.segment(yield) {
			return false
		}
		if !found {
			return true
		}
		if err := r.open(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(Entry{}, fmt.Errorf("read journal: %w", err))
			return false
		}
	}
}

// next finds the segment to read after the one that is open. The first one is that which has the number or the time
// from which to read.
func (r *reader) next() (segment, bool, error) {
	list, err := listSegments(r.dir)
	if err != nil {
		return segment{}, false, err
	}
	for i := range list {
		passed := r.file != nil && list[i].first <= r.first
		if !passed && (r.file != nil || i+1 == len(list) || r.wanted(&list[i], list[i+1].first)) {
			return list[i], true, nil
		}
	}
	return segment{}, false, nil
}

// wanted says whether a segment may have records to yield. Nothing in it happened after it was last written; the
// minute is for clocks that were set.
func (r *reader) wanted(s *segment, behind uint64) bool {
	return behind > r.from.Seq && !s.mod.Before(r.from.Since.Add(-time.Minute))
}

func (r *reader) open(s segment) error {
	f, err := openSegment(s.path)
	if err != nil {
		return err
	}
	r.close()
	r.file, r.first, r.name = f, s.first, s.name()
	r.lines.reset(f, 0)
	return nil
}

// segment yields what the open segment has beyond what was read before.
func (r *reader) segment(yield func(Entry, error) bool) bool {
	for {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errPartial) {
			return r.again(yield)
		}
		if errors.Is(err, errPacked) {
			err = fmt.Errorf("%s:%d: %w", r.name, r.lines.number, err)
			r.lines.reset(bytes.NewReader(nil), 0) // the rest of it cannot be found
			return yield(Entry{}, err)
		}
		if err != nil && !errors.Is(err, errLong) {
			yield(Entry{}, fmt.Errorf("read journal: %w", err))
			return false
		}
		if err == nil && !r.passes(line) {
			continue
		}
		e, decodeErr := r.entry(line, err)
		if !yield(e, decodeErr) {
			return false
		}
	}
}

// again makes the reader go on, next time, at the line that was not complete.
func (r *reader) again(yield func(Entry, error) bool) bool {
	file, grows := r.file.(*os.File)
	if !grows {
		return true
	}
	offset := r.lines.offset
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		yield(Entry{}, fmt.Errorf("read journal: %w", err))
		return false
	}
	number := r.lines.number - 1
	r.lines.reset(file, offset)
	r.lines.number = number
	return true
}

// passes looks at a line before it is decoded: it learns the epoch, and leaves out what is not wanted.
func (r *reader) passes(line []byte) bool {
	h, ok := parseHead(line)
	if !ok {
		return true // it is to be told
	}
	if h.event == flow.EventJournalStart || h.event == flow.EventJournalRotated {
		if e, err := Decode(line); err == nil {
			r.journal, r.epoch = e.Identity.Journal, e.Identity.Epoch
		}
	}
	return h.seq >= r.from.Seq && (r.since == nil || string(h.time) >= string(r.since))
}

func (r *reader) entry(line []byte, err error) (Entry, error) {
	var e Entry
	if err == nil {
		e, err = Decode(line)
	}
	e.Line = line
	e.Identity.Journal, e.Identity.Epoch = r.journal, r.epoch
	if err != nil {
		err = fmt.Errorf("%s:%d: %w", r.name, r.lines.number, err)
	}
	return e, err
}
