package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	defaultBatch = 512
	batchBytes   = 1 << 20 // of the lines that are delivered at once, when they are more than one
	passBytes    = 4 << 20 // of the lines that are looked at in a step
	longestName  = 64
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

// Feed makes a feed that begins where its cursor says. It fails when the destination's name cannot be that of a cursor,
// when the journal has a feed of that name that has not ended, and when the cursor is of another journal.
func (j *Journal) Feed(c FeedConfig) (*Feed, error) {
	f := &Feed{
		name: c.Destination.Name(), to: c.Destination, config: c, journal: j, wake: make(chan struct{}, 1),
		reader: newFeedReader(j),
	}
	f.config.Batch = orDefault(c.Batch, defaultBatch)
	if err := f.begin(); err != nil {
		return nil, fmt.Errorf("feed %q of journal %s: %w", f.name, j.Dir(), err)
	}
	return f, nil
}

func (f *Feed) begin() error {
	if !isCursorName(f.name) {
		return fmt.Errorf("the name is not usable: expected 1 to %d letters, digits, - and _", longestName)
	}
	if s := f.config.Share; s < 0 || s > 1 {
		return fmt.Errorf("a share of %v of a processor: expected 0 to 1", s)
	}
	var err error
	if f.cursor, err = f.journal.cursor(f.name); err != nil {
		return err
	}
	at, err := f.cursor.read(f.journal.id)
	if errors.Is(err, errCursor) || errors.Is(err, errOtherJournal) && f.journal.feeds.before == 0 {
		// In a journal that begins now nothing is delivered yet, whatever was in its directory before.
		f.warn(fmt.Errorf("feed %s: %w; its records are delivered from the oldest on", f.name, err))
		f.config.FromNow = false
	} else if err != nil {
		return err
	}
	if f.stats.At, err = f.start(at); err != nil {
		return err
	}
	f.stats.Name = f.name
	f.saved.Store(f.stats.At.Seq)
	return f.journal.feeds.add(f)
}

// start is where a feed begins when its destination does not know better: at its cursor, if it has one.
func (f *Feed) start(cursor flow.Identity) (flow.Identity, error) {
	if cursor.Seq > 0 {
		return cursor, nil
	}
	if f.config.FromNow {
		return flow.Identity{Journal: f.journal.id, Seq: f.journal.feeds.before}, nil
	}
	err := f.reader.oldest()
	return f.reader.at, err
}

func isCursorName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return name != "" && len(name) <= longestName && strings.Trim(name, letters) == ""
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
