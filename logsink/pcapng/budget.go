package pcapng

import (
	"fmt"
	"sync/atomic"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What a packet takes in the file at most: the block around it, 32 bytes (pcapng, Enhanced Packet Block), its headers
// and the padding.
const (
	packetCost = 32 + ipv6HeaderLen + tcpHeaderLen + 3
	// slicedCost is the same of a packet with the comment that says what was not kept.
	slicedCost = packetCost + 72
	// openCost is for both legs the handshake and the comment, which has no text longer than maxText, and another comment.
	openCost = 4 << 10
	// endCost is for both legs two FINs, their acknowledgements, and a reset.
	endCost = 2 * 768
)

// keptCost is the most that n kept bytes take in the file, skippedCost the most that n skipped ones do.
func keptCost(n int) int64 {
	return int64(n) + packets(uint64(n), keptSegment)*packetCost + acks(uint64(n))
}

func skippedCost(n uint64) int64 {
	if n == 0 {
		return 0
	}
	return packets(n, maxSegment)*slicedCost + acks(n)
}

func packets(n uint64, size uint64) int64 { return int64((n + size - 1) / size) }

func acks(n uint64) int64 { return int64(n/ackEvery+1) * packetCost }

// fullness is what a budget has no room for any more.
type fullness = int32

const (
	roomForAll fullness = iota
	lengthsOnly
	noRoom
)

// budget bounds what all recordings take on disk. What is to be written is taken before it is queued, so that what
// was said to be kept has its place.
type budget struct {
	max  atomic.Int64
	used atomic.Int64
	// full only grows between two calls of measure, so that the recording does not flicker at the limit.
	full atomic.Int32
	// others is the part of used that is in files which are not being written, oldest says that room is made by
	// removing them; the writer's.
	others int64
	oldest bool
}

// reserve is the part of the limit that is kept for packets without payload, so that lengths, handshakes and ends are
// still recorded for a while when payload has no place any more.
func (b *budget) reserve() int64 { return b.max.Load() / 32 }

func (b *budget) takePayload(n int64) bool { return b.take(n, b.max.Load()-b.reserve(), lengthsOnly) }

func (b *budget) takeLength(n int64) bool { return b.take(n, b.max.Load(), noRoom) }

func (b *budget) take(n, limit int64, level fullness) bool {
	if n == 0 { // a ring's, which is in memory
		return true
	}
	full := b.full.Load()
	if full >= level {
		return false
	}
	if b.used.Add(n) <= limit {
		return true
	}
	b.used.Add(-n)
	b.full.CompareAndSwap(full, level)
	return false
}

// settle replaces what was taken by what was written.
func (b *budget) settle(taken, written int64) { b.used.Add(written - taken) }

// move is told that a file is finished, which was counted with counted bytes and has size.
func (b *budget) move(counted, size int64) {
	b.used.Add(size - counted)
	b.others += size
}

// own is what the files that are being written take, and will take of what is queued.
func (b *budget) own() int64 { return b.used.Load() - b.others }

// tight says whether old files should make room now.
func (b *budget) tight() bool {
	return b.oldest && b.others > 0 && b.used.Load() > b.max.Load()-b.max.Load()/8
}

// measure is told what the other recordings take now; when some were removed, recording goes on.
func (b *budget) measure(others int64) {
	used := b.used.Add(others - b.others)
	b.others = others
	switch {
	case used >= b.max.Load():
		b.full.Store(noRoom)
	case used >= b.max.Load()-b.reserve():
		b.full.CompareAndSwap(roomForAll, lengthsOnly)
	case used < b.max.Load()-2*b.reserve():
		b.full.Store(roomForAll)
	}
}

// trouble describes a level of fullness; nil when there is room.
func (b *budget) trouble(full fullness, dir string) error {
	switch full {
	case lengthsOnly:
		return fmt.Errorf("recordings in %s have come near max_total (%s): payload is no longer kept, only lengths; "+
			"remove old recordings, or raise it", dir, flow.Size(b.max.Load()))
	case noRoom:
		return fmt.Errorf("recordings in %s have reached max_total (%s): nothing more is recorded; "+
			"remove old recordings, or raise it", dir, flow.Size(b.max.Load()))
	}
	return nil
}
