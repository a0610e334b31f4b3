package journal

import (
	"fmt"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Stats say how far the feed is. It may be called at any time. Lag is counted from when the feed saw, in this run, that
// the record is waiting, or from the record's own time when that is later: what was written while lodoor was off, or
// happened long before it was written, does not count as being late.
func (f *Feed) Stats() FeedStats {
	end := f.journal.feeds.end().seq
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	if end > s.At.Seq {
		s.Behind = end - s.At.Seq
	}
	if s.Behind > 0 && !f.waiting.IsZero() {
		s.Lag = max(time.Since(f.waiting), 0)
	}
	return s
}

// passed moves the position, of which n more records were delivered.
func (f *Feed) passed(at flow.Identity, n int) {
	end := f.journal.feeds.end().seq
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dirty = f.dirty || at != f.stats.At && at.Epoch != "" // a number alone may come again
	f.stats.At = at
	f.stats.Delivered += uint64(n)
	if at.Seq >= end {
		f.waiting = time.Time{}
	} else if f.waiting.IsZero() {
		f.waiting = time.Now()
	}
}

// seen notes that something is waiting, if it is.
func (f *Feed) seen() {
	end := f.journal.feeds.end().seq
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting.IsZero() && f.stats.At.Seq < end {
		f.waiting = time.Now()
	}
}

// seenFirst notes which record has been waiting for longest.
func (f *Feed) seenFirst(e *Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); f.waiting.IsZero() || e.Record.Time.After(now) {
		f.waiting = now
	} else if e.Record.Time.After(f.waiting) {
		f.waiting = e.Record.Time
	}
}

// tell keeps the last error, and warns when there is one for the first time, and when there is none any more.
func (f *Feed) tell(err error) {
	f.mu.Lock()
	before := f.stats.Err
	f.stats.Err = err
	switch {
	case err == nil:
		f.stats.Since = time.Time{}
	case before == nil:
		f.stats.Since = time.Now()
	}
	f.mu.Unlock()
	switch {
	case err == nil && before != nil:
		f.warn(nil)
	case err != nil && before == nil:
		f.warn(fmt.Errorf("feed %s: %w", f.name, err))
	}
}

// tellMissed warns of records that will not be delivered.
func (f *Feed) tellMissed() {
	n := f.reader.missed
	if n == 0 {
		return
	}
	f.reader.missed = 0
	f.mu.Lock()
	f.stats.Skipped += n
	f.mu.Unlock()
	f.warn(fmt.Errorf("feed %s: %d records up to number %d were erased before they were delivered, or cannot be read",
		f.name, n, f.reader.at.Seq))
}
