package main

import (
	"bytes"
	"iter"

	"github.com/lodoor/lodoor/logsink/journal"
)

// lastOf keeps the last of many records, no more than its limit.
type lastOf struct {
	limit int
	ring  []journal.Entry
	next  int // the place of the oldest one, when the ring is full
}

func newLastOf(limit int) *lastOf { return &lastOf{limit: limit} }

// add keeps a copy of an entry, in the place of the oldest one when there are enough.
func (l *lastOf) add(e *journal.Entry) {
	kept := *e
	if len(l.ring) < l.limit {
		kept.Line = bytes.Clone(e.Line)
		l.ring = append(l.ring, kept)
		return
	}
	kept.Line = append(l.ring[l.next].Line[:0], e.Line...)
	l.ring[l.next] = kept
	l.next = (l.next + 1) % l.limit
}

// all yields the entries, the oldest first.
func (l *lastOf) all() iter.Seq[*journal.Entry] {
	return func(yield func(*journal.Entry) bool) {
		for i := range l.ring {
			if !yield(&l.ring[(l.next+i)%len(l.ring)]) {
				return
			}
		}
	}
}
