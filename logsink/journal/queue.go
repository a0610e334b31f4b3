package journal

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What Append reports when a record is not taken. Both are told before Append returns, and the record counts as
// dropped.
var (
	// ErrFull says that the writer has fallen so far behind that the queue is full.
	ErrFull = errors.New("the journal's queue is full")
	// ErrClosed says that the journal has been stopped.
	ErrClosed = errors.New("the journal is closed")
)

// item is a record on its way to the file. Its encoder holds its bytes and is free again when it has been written.
type item struct {
	enc     *encoder
	event   flow.Event
	session flow.SessionID
	done    func(flow.Identity, error)
	size    int    // of what the encoder holds
	seq     uint64 // its number once it is in a batch
	own     bool   // a record of the journal itself, which is not counted when it is lost
	fate    fate
	// record is nil but for what the journal has to tell as its own, and for a refusal: what merging needs of it.
	record *flow.Record
}

func (it *item) finish(id flow.Identity, err error) {
	if it.done != nil {
		it.done(id, err)
		it.done = nil
	}
}

// queue holds what has been appended and is not yet written. It is bounded, but the close of a session whose open was
// taken always has room: closes are bounded by the open sessions.
type queue struct {
	maxBytes, maxRecords int
	wake                 chan struct{} // has a token when the writer has something to do
	added                atomic.Bool   // something was put without waking the writer, and has not been taken

	mu      sync.Mutex
	items   []item
	bytes   int // of items, and of those that the writer has taken and not yet written
	records int // the same
	pairs   pairs
	closed  bool
	lost    losses
}

// losses are records that were dropped since the last journal.gap.
type losses struct {
	count  uint64
	bytes  uint64
	since  time.Time
	reason string // why the first of them was
}

func newQueue(maxBytes, maxRecords int) *queue {
	return &queue{
		maxBytes: maxBytes, maxRecords: maxRecords, wake: make(chan struct{}, 1),
		pairs: make(pairs),
	}
}

// put takes an item, or says why not. It never waits for the writer, and wakes it only when asked to.
func (q *queue) put(it item, wake bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := it.size
	entitled := it.event == flow.EventSessionClose && q.pairs.is(it.session, reserved)
	switch {
	case q.closed:
		return ErrClosed
	case !entitled && (q.bytes+size > q.maxBytes || q.records >= q.maxRecords):
		return ErrFull
	case entitled:
		q.pairs.clear(it.session, reserved)
	case it.event == flow.EventSessionOpen:
		q.pairs.set(it.session, reserved)
	}
	q.items = append(q.items, it)
	q.bytes += size
	q.records++
	if wake {
		q.signal()
	} else {
		q.added.Store(true)
	}
	return nil
}

// signal has the writer look. It is called with the lock held: whoever sees the token in its place then knows that the
// writer has not looked since.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take gives all items to the writer and keeps spare for the next ones.
func (q *queue) take(spare []item) []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = spare[:0]
	q.added.Store(false)
	return items
}

// length is how many items wait.
func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// takeBatch is take, unless more than limit are waiting.
func (q *queue) takeBatch(spare []item, limit int) ([]item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) > limit {
		return nil, false
	}
	items := q.items
	q.items = spare[:0]
	q.added.Store(false)
	return items, true
}

// rouse wakes the writer.
func (q *queue) rouse() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.signal()
}

// written gives the room of items back.
func (q *queue) written(items []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range items {
		q.bytes -= items[i].size
	}
	q.records -= len(items)
}

// close refuses whatever comes from now on.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

// lose counts a record that is not written.
func (q *queue) lose(size int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lost.count == 0 {
		q.lost.since, q.lost.reason = time.Now(), err.Error()
		q.signal()
	}
	q.lost.count++
	q.lost.bytes += uint64(size)
}

func (q *queue) losses() losses {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lost
}

// told takes off what a journal.gap has told.
func (q *queue) told(l losses) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lost.count -= l.count
	q.lost.bytes -= l.bytes
	q.lost.since = time.Now()
}
