package journal

import (
	"context"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Destination is where a [Feed] takes records. All its calls come from one goroutine.
type Destination interface {
	// Name is what people know it by, and the name of its cursor: letters, digits, - and _.
	Name() string
	// Wants says whether it takes records of this event. Its answer must not change.
	Wants(e flow.Event) bool
	// Deliver takes entries in the order of the journal and says how many of them, from the first on, are delivered for
	// good. The rest comes again; with an error after a pause. An entry and its Line are valid until Deliver returns. It
	// should return soon after ctx is done.
	Deliver(ctx context.Context, entries []Entry) (int, error)
}

// Waiter is an error of Deliver that says how long the destination wants to be left alone, as an HTTP answer does with
// Retry-After. A feed looks for it with errors.As and pauses for as long, or for its own pause where that is longer; 0
// says nothing.
type Waiter interface {
	error
	RetryAfter() time.Duration
}

// Resumer is a Destination that knows itself what it has: the feed asks when it begins, and again after each error, and
// goes on behind the answer. Its cursor then only says what may be erased.
type Resumer interface {
	Destination
	// Resume is the identity of the last record that it has of this journal; the zero identity when it has none.
	Resume(ctx context.Context, journal string) (flow.Identity, error)
}

// FeedConfig says what a feed does.
type FeedConfig struct {
	Destination Destination
	// FromNow begins, when there is no cursor yet, with this run's journal.start; otherwise with the oldest record.
	FromNow bool
	// Batch is how many records are delivered at once, at most; 0 is 512.
	Batch int
	// Share is the part of one processor's time that the feed may use, as 0.1; 0 is as much as it needs.
	Share float64
	// Warn, which may be nil, is told when deliveries begin to fail, when they succeed again (with nil), and when
	// records were erased before they were delivered.
	Warn func(err error)
}

// FeedStats say how far a feed is.
type FeedStats struct {
	Name string
	// Delivered is the number of records since the start, Skipped of those that were erased before they were delivered.
	Delivered, Skipped uint64
	// At is the last record that was delivered, or passed since it is not wanted.
	At flow.Identity
	// Behind is the number of records in the journal after At; Lag is how long the oldest of them has been waiting.
	Behind uint64
	Lag    time.Duration
	// Err is why the last attempt failed, nil when it did not; Since is when it began to fail.
	Err   error
	Since time.Time
}
