// Package ring keeps the last seconds of a recording in memory, as blocks that are ready to be written to a file.
package ring

import (
	"fmt"
	"math"
	"time"
)

// Ring holds the blocks of the last seconds, as many as fit. Its memory is a few chunks that are used again, so that a
// block costs a copy and no allocation. One goroutine at a time uses it.
type Ring struct {
	age   int64
	limit int
	store store
	// newest is the time of the newest block that came, lost that of the newest one that had to go before its time.
	newest, lost int64
	early        uint64
}

// Held is what a ring has.
type Held struct {
	Blocks, Bytes int
	// From and To are the times of the oldest block and of the newest one, nanoseconds since 1970; 0 when it is empty.
	From, To int64
	// Early is how many blocks had to go before their time since the last [Ring.Drain], because there was no room.
	Early uint64
}

// nothingLost is a time before every block's, with room for an age before it.
const nothingLost = math.MinInt64 / 2

// New makes a ring for the blocks of the last age, and for at most so many bytes of them. The memory that it takes is
// up to two chunks of 1 MiB more, and an eighth of what it holds. Both limits have to be greater than 0.
func New(age time.Duration, bytes int) (*Ring, error) {
	if age <= 0 {
		return nil, fmt.Errorf("a ring of the last %v: expected more than 0", age)
	}
	if bytes <= 0 {
		return nil, fmt.Errorf("a ring of %d bytes: expected more than 0", bytes)
	}
	return &Ring{age: int64(age), limit: bytes, newest: nothingLost, lost: nothingLost}, nil
}

// Add copies a block in, and drops what has become too old or has no room any more, the oldest first. at is the time of
// what the block tells, nanoseconds since 1970. Blocks leave in the order in which they came, so one that is older
// than the one before it may stay a little longer. A block that is larger than the ring is not kept.
func (r *Ring) Add(at int64, block []byte) {
	r.expire(at)
	if len(block) > r.limit {
		r.lose(at)
		return
	}
	for r.store.bytes+len(block) > r.limit {
		oldest, _ := r.store.first()
		r.lose(oldest)
		r.store.drop()
	}
	r.store.add(at, block)
}

// Expire drops what is too old now, nanoseconds since 1970. Add does it, too; while nothing comes somebody has to call it,
// or what is held grows older than it was meant to. When the clock was set back by more than the ring's age, what is from
// before that goes, and the new time counts.
func (r *Ring) Expire(now int64) {
	if now < r.newest-r.age {
		r.newest, r.lost = now, min(r.lost, now)
	}
	r.expire(now)
}

func (r *Ring) expire(now int64) {
	r.newest = max(r.newest, now)
	for {
		at, some := r.store.first()
		if !some || at >= r.newest-r.age && at <= r.newest+r.age {
			return
		}
		r.store.drop()
	}
}

func (r *Ring) lose(at int64) {
	r.lost = max(r.lost, at)
	r.early++
}

// Drain hands over the blocks, the oldest first, and empties the ring. A block is valid during the call only. An error
// ends it; the block that failed and those behind it stay.
func (r *Ring) Drain(write func(block []byte) error) error {
	for {
		block, some := r.store.firstBlock()
		if !some {
			break
		}
		if err := write(block); err != nil {
			return err
		}
		r.store.drop()
	}
	r.lost, r.early = nothingLost, 0
	return nil
}

// Reach is how far back from a time, nanoseconds since 1970, nothing is missing: the ring's age, or less when there was
// no room for all of it. It knows nothing of the time before the first block.
func (r *Ring) Reach(now int64) time.Duration {
	if r.lost == nothingLost {
		return time.Duration(r.age)
	}
	return time.Duration(min(r.age, max(now-r.lost, 0)))
}

// Held says what the ring has.
func (r *Ring) Held() Held {
	h := Held{Blocks: r.store.blocks, Bytes: r.store.bytes, Early: r.early}
	if at, some := r.store.first(); some {
		h.From, h.To = at, r.store.lastAt
	}
	return h
}
