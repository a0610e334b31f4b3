package journal

import (
	"fmt"
	"slices"
	"sync"
)

// tip is the end of what is committed: nothing behind it may be fed, since it can still be withdrawn.
type tip struct {
	first uint64 // of the segment that has the last record
	size  int64  // of that segment, up to the end of that record
	seq   uint64 // of that record
}

// feeds are what the writer tells its feeds, and what it asks them.
type feeds struct {
	mu     sync.Mutex
	tip    tip
	before uint64 // the number before this run's journal.start
	list   []*Feed
}

// begin notes where this run begins: behind the record numbered before.
func (s *feeds) begin(before uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// commit moves the end, and wakes the feeds that had read everything.
func (s *feeds) commit(t tip) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tip = t
	for _, f := range s.list {
		if f.armed {
			f.armed = false
			f.signal()
		}
	}
}

func (s *feeds) end() tip {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tip
}

// arm has the next commit wake a feed that has read up to the record numbered seq; it is false when there is more.
func (s *feeds) arm(f *Feed, seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.armed = s.tip.seq == seq
	return f.armed
}

func (s *feeds) add(f *Feed) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.list {
		if other.name == f.name {
			return fmt.Errorf("the journal has a feed %q already", f.name)
		}
	}
	s.list = append(s.list, f)
	return nil
}

func (s *feeds) remove(f *Feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(other *Feed) bool { return other == f })
}

// holding names the feeds, sorted, that have not taken all of the records up to the one numbered last. What their
// cursor's file says counts, since that is where they go on after a crash. While the journal is being opened there are
// none yet: what is to wait for feeds has to wait until they can have been made.
func (j *Journal) holding(last uint64) []string {
	j.feeds.mu.Lock()
	defer j.feeds.mu.Unlock()
	var names []string
	for _, f := range j.feeds.list {
		if f.saved.Load() < last {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names
}
