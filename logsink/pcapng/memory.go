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

// take returns a buffer of n bytes, at most maxBuffer, or nil. No owner may hold more than is still free, so that a
// few bulk sessions cannot use up what the others need: one alone gets half, two get a third each. An owner that waits
// for the disk gets what it asks for.
func (m *memory) take(held *atomic.Int64, n int, waits bool) *buffer {
	i := 0
	for m.classes[i].size < n {
		i++
	}
	charge := m.charge(i)
	switch {
	case waits:
		m.used.Add(charge)
	case held.Load()+charge > m.free() || !m.reserve(charge):
		return nil
	}
	held.Add(charge)
	b := m.classes[i].pool.Get().(*buffer)
	b.b = b.b[:n]
	return b
}

func (m *memory) give(held *atomic.Int64, b *buffer) {
	charge := m.charge(b.class)
	held.Add(-charge)
	m.release(charge)
	m.classes[b.class].pool.Put(b)
}

// park counts a buffer among those that wait to be written to who is to read them. It answers whether these leave half of
// the memory to what waits for the disk.
func (m *memory) park(b *buffer) bool { return m.parked.Add(m.charge(b.class)) <= m.max/2 }

func (m *memory) unpark(b *buffer) { m.parked.Add(-m.charge(b.class)) }

func (m *memory) free() int64 { return m.max - m.used.Load() }

func (m *memory) charge(class int) int64 { return int64(m.classes[class].size + entryMemory) }

func (m *memory) reserve(n int64) bool {
	if m.used.Add(n) <= m.max {
		return true
	}
	m.used.Add(-n)
	return false
}

func (m *memory) release(n int64) { m.used.Add(-n) }
