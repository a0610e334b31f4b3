package main

import (
	"context"
	"iter"

	"github.com/lodoor/lodoor/logsink/journal"
)

// source is a journal, or a part of one, that is read beside others.
type source struct {
	next func() (journal.Entry, error, bool)
	stop func()

	entry journal.Entry
	err   error
	ok    bool
}

func (s *source) advance() { s.entry, s.err, s.ok = s.next() }

// mergeByTime yields the entries of several sources by time, each of which has them in that order. What cannot be read
// comes as soon as it is met. An entry's Line is valid until the next one.
func mergeByTime(ctx context.Context, parts []iter.Seq2[journal.Entry, error]) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		sources := make([]*source, len(parts))
		for i, part := range parts {
			s := &source{}
			s.next, s.stop = iter.Pull2(part)
			defer s.stop()
			s.advance()
			sources[i] = s
		}
		for ctx.Err() == nil {
			s := earliest(sources)
			if s == nil || !yield(s.entry, s.err) {
				return
			}
			s.advance()
		}
	}
}

// earliest is the source whose record comes next; nil at the end of all.
func earliest(sources []*source) (first *source) {
	for _, s := range sources {
		switch {
		case !s.ok:
		case s.err != nil:
			return s
		case first == nil || s.entry.Record.Time.Before(first.entry.Record.Time):
			first = s
		}
	}
	return first
}
