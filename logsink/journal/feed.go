package journal

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	batchBytes = 1 << 20 // of the lines that are delivered at once, when they are more than one
	passBytes  = 4 << 20 // of the lines that are looked at in a step
	// gatherPause is how long a feed that had read everything lets records gather before it reads again: a busy door
	// wakes it fifty times a second, and not with every record.
	gatherPause = 20 * time.Millisecond
	savePause   = time.Second     // between two writings of the cursor
	endingTime  = 3 * time.Second // for what is left when Run is to end
)

// Feed takes the records of a journal to a [Destination]: each at least once, in their order. What it has delivered is
// in a file beside the journal, its cursor, and the journal's segments are its queue.
type Feed struct {
	name    string
	to      Destination
	config  FeedConfig
	journal *Journal
	cursor  *cursor
	wake    chan struct{}
	armed   bool          // the next commit wakes it; guarded by the journal's feeds
	saved   atomic.Uint64 // the record that the cursor's file says

	// These are of the goroutine that runs it.
	reader  *feedReader
	batch   batch
	located bool // the reader stands where the destination is
	backoff backoff
	savedAt time.Time
	dirty   bool // it has gone on since the cursor was written
	unsaved bool // writing the cursor failed, which was told

	mu      sync.Mutex
	stats   FeedStats
	waiting time.Time // since when it has been behind
}

// signal wakes the feed.
func (f *Feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Feed) warn(err error) {
	if f.config.Warn != nil {
		f.config.Warn(err)
	}
}

// Run delivers until ctx ends; then what is in the journal by then is still tried, once and for at most 3 s. The
// journal should have been closed before, so that the feed has its last record. What is left is delivered by the next
// run. The error is of the cursor that could not be written in the end: then some records are delivered again.
func (f *Feed) Run(ctx context.Context) error {
	defer f.journal.feeds.remove(f)
	defer f.reader.close()
	for ctx.Err() == nil {
		if f.idle() {
			f.await(ctx)
			continue
		}
		f.pause(ctx, f.turn(ctx))
	}
	f.finish(context.WithoutCancel(ctx))
	if !f.dirty {
		return nil
	}
	if err := f.cursor.write(f.Stats().At); err != nil {
		return fmt.Errorf("write the cursor of feed %s: %w", f.name, err)
	}
	return nil
}

// idle says whether everything is delivered; the next commit wakes the feed then.
func (f *Feed) idle() bool {
	return f.located && len(f.batch.entries) == 0 && f.journal.feeds.arm(f, f.reader.at.Seq)
}

// await waits for the next commit, and then lets records gather.
func (f *Feed) await(ctx context.Context) {
	var due <-chan time.Time
	if f.dirty {
		due = time.After(time.Until(f.savedAt.Add(savePause)))
	}
	select {
	case <-ctx.Done():
	case <-due:
		f.save()
	case <-f.wake:
		f.seen()
		f.pause(ctx, gatherPause)
	}
}

func (f *Feed) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// turn takes a step and says how long to wait before the next one.
func (f *Feed) turn(ctx context.Context) time.Duration {
	begun := time.Now()
	err := f.step(ctx)
	took := time.Since(begun)
	if f.dirty && time.Since(f.savedAt) >= savePause {
		f.save()
	}
	if err != nil && ctx.Err() != nil {
		return 0 // it was interrupted
	}
	f.tell(err)
	if err != nil {
		f.seen() // also when it does not even know where to go on
		return max(f.backoff.next(), wanted(err))
	}
	f.backoff = 0
	if share := f.config.Share; share > 0 {
		return min(time.Duration(float64(took)*(1/share-1)), longestBackoff)
	}
	return 0
}

// finish tries what is left, until something fails.
func (f *Feed) finish(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, endingTime)
	defer cancel()
	end := f.journal.feeds.end().seq
	for ctx.Err() == nil && (!f.located || len(f.batch.entries) > 0 || f.reader.at.Seq < end) {
		if err := f.step(ctx); err != nil {
			f.tell(err)
			return
		}
	}
}

// save writes the cursor. When that fails the feed goes on, and records that it has delivered may come again.
func (f *Feed) save() {
	f.savedAt = time.Now()
	at := f.Stats().At
	err := f.cursor.write(at)
	if err == nil {
		f.saved.Store(at.Seq)
		f.dirty = false
	} else if !f.unsaved {
		f.warn(fmt.Errorf("write the cursor of feed %s: %w", f.name, err))
	}
	f.unsaved = err != nil
}
