package main

import (
	"cmp"
	"container/heap"
	"iter"

	"github.com/lodoor/lodoor/logsink/journal"
)

// orderDepth is how many records are held to bring them into the order of time: a journal has them in that in which they
// were written, and an event is recorded a moment after it happened.
const orderDepth = 4096

// byTime yields entries by time, and those of one time by number, as far as each is at most depth places from where it
// belongs. What cannot be read is yielded as soon as it is met. An entry's Line is valid until the next one.
func byTime(entries iter.Seq2[journal.Entry, error], depth int) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		var held entryHeap
		var free *journal.Entry // its Line's memory is used again
		for e, err := range entries {
			if err != nil {
				if !yield(e, err) {
					return
				}
				continue
			}
			kept := &journal.Entry{}
			if free != nil {
				kept, free = free, nil
			}
			line := append(kept.Line[:0], e.Line...)
			*kept = e
			kept.Line = line
			heap.Push(&held, kept)
			if len(held) <= depth {
				continue
			}
			free = heap.Pop(&held).(*journal.Entry)
			if !yield(*free, nil) {
				return
			}
		}
		for len(held) > 0 {
			if !yield(*heap.Pop(&held).(*journal.Entry), nil) {
				return
			}
		}
	}
}

// comesBefore says which of two records comes first.
func comesBefore(a, b *journal.Entry) bool {
	return cmp.Or(a.Record.Time.Compare(b.Record.Time), cmp.Compare(a.Identity.Seq, b.Identity.Seq)) < 0
}

// entryHeap has the earliest entry first.
type entryHeap []*journal.Entry

func (h *entryHeap) Len() int           { return len(*h) }
func (h *entryHeap) Less(i, j int) bool { return comesBefore((*h)[i], (*h)[j]) }
func (h *entryHeap) Swap(i, j int)      { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }
func (h *entryHeap) Push(x any)         { *h = append(*h, x.(*journal.Entry)) }

func (h *entryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
