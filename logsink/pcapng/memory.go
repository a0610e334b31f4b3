package pcapng

import (
	"sync"
	"sync/atomic"
)

const (
	maxBuffer = 64 << 10
	// entryMemory is what a queued event takes beside its payload, sessionMemory what an open session does.
	entryMemory   = 128
	sessionMemory = 2 << 10
)

// memory bounds what waits for the disk.
type memory struct {
	max     int64
	used    atomic.Int64
	parked  atomic.Int64 // the part of used that waits for who is to read it, not for the disk
	classes [5]bufferClass
}

// bufferClass hands out buffers of one size.
type bufferClass struct {
	size int
	pool sync.Pool
}

// buffer is payload that waits; size is its class, which is what it is charged with.
type buffer struct {
	class int
	b     []byte
	sums  [maxBuffer / keptSegment]pieceSum
}

// pieceSum is the checksum of the first length bytes of a piece of keptSegment.
type pieceSum struct {
	length int
	sum    uint64
}

// sum is the checksum of payload, which is in the buffer and is not going to change: as a rule both legs cut it alike, and
// the second one finds it here.
func (b *buffer) sum(payload []byte) uint64 {
	at := cap(b.b) - cap(payload)
	if at%keptSegment != 0 || len(payload) == 0 {
		return sum(payload)
	}
	s := &b.sums[at/keptSegment]
	if s.length != len(payload) {
		*s = pieceSum{len(payload), sum(payload)}
	}
	return s.sum
}

func newMemory(limit int64) *memory {
	m := &memory{max: limit}
	for i, size := range []int{256, 1 << 10, 4 << 10, 16 << 10, maxBuffer} {
		c := &m.classes[i]
		c.size = size
		c.pool.New = func() any { return &buffer{class: i, b: make([]byte, size)} }
	}
	return m
}

// take returns a buffer of n bytes, at most maxBuffer, or nil: see claim.
func (m *memory) take(held *atomic.Int64, n int, waits bool) *buffer {
	if !m.claim(held, m.charge(n), waits) {
		return nil
	}
	return m.buffer(n)
}

// claim takes the room of buffers, as charge says what they need. No owner may hold more than is still free, so that a few
// bulk sessions cannot use up what the others need: one alone gets half, two get a third each. An owner that waits for the
// disk gets what it asks for.
func (m *memory) claim(held *atomic.Int64, charge int64, waits bool) bool {
	switch {
	case waits:
		m.used.Add(charge)
	case held.Load()+charge > m.free() || !m.reserve(charge):
		return false
	}
	held.Add(charge)
	return true
}

// waive gives back a claim.
func (m *memory) waive(held *atomic.Int64, charge int64) {
	held.Add(-charge)
	m.release(charge)
}

// buffer is one of n bytes, whose room was claimed.
func (m *memory) buffer(n int) *buffer {
	b := m.classes[m.class(n)].pool.Get().(*buffer)
	b.b, b.sums = b.b[:n], [len(b.sums)]pieceSum{}
	return b
}

// give takes back a buffer, and its claim.
func (m *memory) give(held *atomic.Int64, b *buffer) {
	m.waive(held, m.charge(cap(b.b)))
	m.classes[b.class].pool.Put(b)
}

// park counts a buffer among those that wait to be written to who is to read them. It answers whether these leave half of
// the memory to what waits for the disk.
func (m *memory) park(b *buffer) bool { return m.parked.Add(m.charge(cap(b.b))) <= m.max/2 }

func (m *memory) unpark(b *buffer) { m.parked.Add(-m.charge(cap(b.b))) }

func (m *memory) free() int64 { return m.max - m.used.Load() }

// charge is what a buffer of n bytes takes.
func (m *memory) charge(n int) int64 { return int64(m.classes[m.class(n)].size + entryMemory) }

// class is the smallest one that has room for n bytes.
func (m *memory) class(n int) (i int) {
	for m.classes[i].size < n {
		i++
	}
	return i
}

func (m *memory) reserve(n int64) bool {
	if m.used.Add(n) <= m.max {
		return true
	}
	m.used.Add(-n)
	return false
}

func (m *memory) release(n int64) { m.used.Add(-n) }
