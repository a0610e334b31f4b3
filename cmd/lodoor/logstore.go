package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// read is a journal that is read, and its history, if that can be used.
type read struct {
	dir     string
	history *history.Reader // nil when all comes from the segments
	behind  uint64          // the first number that comes from the segments
}

func (r *read) close() {
	if r.history != nil {
		_ = r.history.Close() // only read
	}
}

// open opens the histories of the journals that have one, unless the segments were asked for. One that cannot be used is
// told, and the segments are read instead; that is an error when the store was asked for.
func (v *logView) open(ctx context.Context, dirs []string) ([]*read, error) {
	var list []*read
	for _, dir := range dirs {
		r := &read{dir: dir}
		list = append(list, r)
		if v.from == fromSegments {
			continue
		}
		err := r.open(ctx)
		switch {
		case err == nil:
			v.seen[dir] = r.behind - 1
		case v.from == fromStore:
			closeAll(list)
			return nil, fmt.Errorf("%w; --from segments reads the journal itself", err)
		case !errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(v.errs, "lodoor: warning: %s; the journal itself is read instead\n", terminal.Visible(err.Error()))
		}
	}
	return list, nil
}

func closeAll(list []*read) {
	for _, r := range list {
		r.close()
	}
}

// open opens the history of a journal, and finds out where the segments go on behind it.
func (r *read) open(ctx context.Context) error {
	reader, err := history.OpenReader(ctx, r.dir)
	if err != nil {
		return err
	}
	position, err := positionOf(ctx, reader, r.dir)
	if err == nil && !goesOn(r.dir, position) {
		err = fmt.Errorf("the history in %s is not of the journal that is there", r.dir)
	}
	if err != nil {
		return errors.Join(err, reader.Close())
	}
	r.history, r.behind = reader, position.Seq+1
	return nil
}

// positionOf is how far a history has got with the journal in a directory.
func positionOf(ctx context.Context, reader *history.Reader, dir string) (flow.Identity, error) {
	for e, err := range journal.Read(dir, journal.From{}) {
		if err == nil {
			return reader.Position(ctx, e.Identity.Journal)
		}
	}
	return flow.Identity{}, fmt.Errorf("no record in %s can be read", dir)
}

// goesOn says whether the segments go on behind a position: they have that record, or all up to it were erased. When the
// journal has lost its end, other records have those numbers.
func goesOn(dir string, position flow.Identity) bool {
	for e, err := range journal.Read(dir, journal.From{Seq: position.Seq}) {
		if err == nil {
			return position.Seq == 0 || e.Identity.Seq > position.Seq || e.Identity == position
		}
	}
	return false
}

// merged yields the records of all journals that keep says to keep, by time. What cannot be read comes as soon as it is
// met. An entry's Line is valid until the next one.
func (v *logView) merged(
	ctx context.Context, list []*read, keep func(*journal.Entry) bool,
) iter.Seq2[journal.Entry, error] {
	var parts []iter.Seq2[journal.Entry, error]
	for _, r := range list {
		if r.history != nil {
			// What comes into the history meanwhile is read in the segments.
			parts = append(parts, kept(r.history.Records(ctx, v.stored()), func(e *journal.Entry) bool {
				return e.Identity.Seq < r.behind && keep(e)
			}))
		}
		from := journal.From{Seq: r.behind, Since: v.want.Since}
		parts = append(parts, byTime(v.segments(r.dir, from, keep), orderDepth))
	}
	return mergeByTime(ctx, parts)
}

// stored is what a history is asked for: no more than the last ones that will be shown.
func (v *logView) stored() history.Filter {
	f := v.want
	beat := &journal.Entry{Record: flow.Record{Event: flow.EventJournalHeartbeat}}
	if f.Limit > 0 && len(f.Events) == 0 && !v.show.takes(beat) {
		f.Events = slices.DeleteFunc(flow.Events(), func(e flow.Event) bool { return e == flow.EventJournalHeartbeat })
	}
	return f
}

// segments yields what is to be kept of a journal's segments, in their order.
func (v *logView) segments(dir string, from journal.From, keep func(*journal.Entry) bool) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for e, err := range journal.Read(dir, from) {
			v.seen[dir] = max(v.seen[dir], e.Identity.Seq)
			if (err != nil || keep(&e)) && !yield(e, err) {
				return
			}
		}
	}
}

// kept yields the entries that keep says to keep.
func kept(entries iter.Seq2[journal.Entry, error], keep func(*journal.Entry) bool) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for e, err := range entries {
			if (err != nil || keep(&e)) && !yield(e, err) {
				return
			}
		}
	}
}
