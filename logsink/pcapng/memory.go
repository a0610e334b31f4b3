package pcapng

import (
	"sync"
	"sync/atomic"
)

const (
	maxBuffer = 64 << 10
	// entryMemory is what a queued event takes beside its payload, sessionMemory what an open session does.
	entryMemory   = 128
	sessionMemory = 1 << 10
)

// memory bounds what waits for the disk.
type memory struct {
	max     int64
	used    atomic.Int64
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
// few bulk sessions cannot use up what the others need: one alone gets half, two get a third each.
func (m *memory) take(held *atomic.Int64, n int) *buffer {
	i := 0
	for m.classes[i].size < n {
		i++
	}
	charge := m.charge(i)
	if held.Load()+charge > m.max-m.used.Load() || !m.reserve(charge) {
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

func (m *memory) charge(class int) int64 { return int64(m.classes[class].size + entryMemory) }

func (m *memory) reserve(n int64) bool {
	if m.used.Add(n) <= m.max {
		return true
	}
	m.used.Add(-n)
	return false
}

func (m *memory) release(n int64) { m.used.Add(-n) }
