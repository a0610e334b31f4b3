package history

import (
	"context"
	"fmt"
	"iter"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// pageRows is how many rows are read at once, at most. Between two pages nothing is held: a reader that pauses, as a pager does,
// would otherwise keep SQLite's write-ahead log from being reused.
const pageRows = 1000

// Reader reads a store. Its methods may be called by any goroutine.
type Reader struct{ db database }

// database is where records are kept.
type database interface {
	// page reads up to n of the rows that f may match, behind after (nil is the beginning) in the order of keys, or
	// with backwards before it in the opposite order.
	page(ctx context.Context, f *Filter, after *key, backwards bool, n int) ([]row, error)
	position(ctx context.Context, journalID string) (flow.Identity, error)
	sessions(ctx context.Context, prefix string, n int) ([]string, error)
	close() error
}

// Close gives the store back.
func (r *Reader) Close() error { return r.db.close() }

// Position is the last record of a journal that the store was given; the zero identity when there is none.
func (r *Reader) Position(ctx context.Context, journalID string) (flow.Identity, error) {
	id, err := r.db.position(ctx, journalID)
	if err != nil {
		return id, fmt.Errorf("history: %w", err)
	}
	return id, nil
}

// Sessions are those whose ids begin with prefix, each once, in no order, at most n.
func (r *Reader) Sessions(ctx context.Context, prefix string, n int) ([]flow.SessionID, error) {
	texts, err := r.db.sessions(ctx, prefix, n)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	list := make([]flow.SessionID, 0, len(texts))
	for _, s := range texts {
		var id flow.SessionID
		if err := id.UnmarshalText([]byte(s)); err == nil {
			list = append(list, id)
		}
	}
	return list, nil
}

// Records yields the records that match, by time and, of one time, in the journal's order; with a Limit the newest. It
// reads as it goes on: what is written meanwhile is yielded too, when its time has not passed. An error comes with the
// zero Entry and is the last, but for that of a line, which comes with its entry. An Entry stays valid.
func (r *Reader) Records(ctx context.Context, f Filter) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		var after *key
		if f.Limit > 0 {
			first, err := r.newest(ctx, &f)
			if err != nil {
				yield(journal.Entry{}, fmt.Errorf("history: %w", err))
				return
			}
			after = first
		}
		for e, err := range r.walk(ctx, &f, after, false) {
			if !yield(e.Entry, err) {
				return
			}
		}
	}
}

// found is an entry and where it stands.
type found struct {
	journal.Entry
	key key
}

// newest is where the records of the Limit begin: the key before them, nil when all are within it.
func (r *Reader) newest(ctx context.Context, f *Filter) (*key, error) {
	n := 0
	for e, err := range r.walk(ctx, f, nil, true) {
		if err != nil && e.Line == nil {
			return nil, err
		}
		if n++; n > f.Limit {
			return &e.key, nil
		}
	}
	return nil, nil
}

// walk yields what matches, a page at a time.
func (r *Reader) walk(ctx context.Context, f *Filter, after *key, backwards bool) iter.Seq2[found, error] {
	size := pageRows
	if f.Limit > 0 {
		size = min(size, f.Limit+1)
	}
	return func(yield func(found, error) bool) {
		for {
			rows, err := r.db.page(ctx, f, after, backwards, size)
			if err != nil {
				yield(found{}, fmt.Errorf("history: %w", err))
				return
			}
			for i := range rows {
				if f.Grep != nil && !f.Grep.Match(rows[i].line) {
					continue
				}
				e, err := rows[i].entry()
				if err == nil && !f.Matches(&e) {
					continue
				}
				if !yield(found{e, rows[i].key}, err) {
					return
				}
			}
			if len(rows) < size {
				return
			}
			after = &rows[len(rows)-1].key
		}
	}
}
