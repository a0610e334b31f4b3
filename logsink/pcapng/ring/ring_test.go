package ring_test

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/pcapng/ring"
)

func newRing(t testing.TB, age time.Duration, size int) *ring.Ring {
	t.Helper()
	r, err := ring.New(age, size)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func drain(t testing.TB, r *ring.Ring) (blocks [][]byte) {
	t.Helper()
	err := r.Drain(func(b []byte) error {
		blocks = append(blocks, bytes.Clone(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

// model is a ring as one would write it down.
type model struct {
	age, now int64
	limit    int
	held     []entry
	early    uint64
	lost     int64 // 0 is none
}

type entry struct {
	at    int64
	block []byte
}

func (m *model) bytes() (n int) {
	for _, e := range m.held {
		n += len(e.block)
	}
	return n
}

func (m *model) expire(now int64) {
	m.now = max(m.now, now)
	for len(m.held) > 0 && (m.held[0].at < m.now-m.age || m.held[0].at > m.now+m.age) {
		m.held = m.held[1:]
	}
}

func (m *model) add(at int64, block []byte) {
	m.expire(at)
	m.held = append(m.held, entry{at, block})
	if len(block) > m.limit {
		m.held = m.held[:len(m.held)-1]
		m.early, m.lost = m.early+1, max(m.lost, at)
	}
	for m.bytes() > m.limit {
		m.early, m.lost = m.early+1, max(m.lost, m.held[0].at)
		m.held = m.held[1:]
	}
}

func (m *model) reach() time.Duration {
	if m.lost == 0 {
		return time.Duration(m.age)
	}
	return time.Duration(min(m.age, max(0, m.now-m.lost)))
}

func (m *model) want() ring.Held {
	h := ring.Held{Blocks: len(m.held), Bytes: m.bytes(), Early: m.early}
	if len(m.held) > 0 {
		h.From, h.To = m.held[0].at, m.held[len(m.held)-1].at
	}
	return h
}

// TestModel holds a ring beside its model: any blocks, times that go back a little, pauses, and errors while it is
// drained.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		age := rapid.Int64Range(1, 1000).Draw(t, "age")
		limit := rapid.OneOf(rapid.IntRange(1, 1<<20), rapid.IntRange(1, 3<<20)).Draw(t, "limit")
		m := &model{age: age, limit: limit, now: 1e9}
		r, err := ring.New(time.Duration(age), limit)
		if err != nil {
			t.Fatal(err)
		}
		r.Expire(m.now)
		next := byte(0)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				next++
				sizes := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(400<<10, 600<<10), rapid.IntRange(0, 3<<19))
				block := bytes.Repeat([]byte{next}, sizes.Draw(t, "size"))
				at := m.now + rapid.Int64Range(-20, 60).Draw(t, "step")
				r.Add(at, block)
				m.add(at, bytes.Clone(block))
				clear(block) // the ring has its own
			},
			"pause": func(t *rapid.T) {
				m.expire(m.now + rapid.Int64Range(0, 1500).Draw(t, "pause"))
				r.Expire(m.now)
			},
			"set back": func(t *rapid.T) {
				m.now -= m.age + rapid.Int64Range(1, 1500).Draw(t, "by")
				m.lost = min(m.lost, m.now)
				r.Expire(m.now)
				m.expire(m.now)
			},
			"drain": func(t *rapid.T) { drainBoth(t, r, m, rapid.IntRange(0, 20).Draw(t, "writes")) },
			"": func(t *rapid.T) {
				if got, want := r.Held(), m.want(); got != want {
					t.Fatalf("held %+v, want %+v", got, want)
				}
				if got, want := r.Reach(m.now), m.reach(); got != want {
					t.Fatalf("reaches back %v, want %v", got, want)
				}
			},
		})
		drainBoth(t, r, m, len(m.held))
	})
}

// drainBoth drains until so many writes have succeeded; the one after them fails.
func drainBoth(t *rapid.T, r *ring.Ring, m *model, writes int) {
	full := errors.New("disk full")
	done := 0
	err := r.Drain(func(b []byte) error {
		if done == writes {
			return full
		}
		if !bytes.Equal(b, m.held[done].block) {
			t.Fatalf("block %d has %d bytes, want %d of %v", done, len(b), len(m.held[done].block), m.held[done].at)
		}
		done++
		return nil
	})
	if (err != nil) != (writes < len(m.held)) || err != nil && !errors.Is(err, full) {
		t.Fatalf("drained %d of %d with room for %d: %v", done, len(m.held), writes, err)
	}
	if m.held = slices.Clone(m.held[done:]); err == nil {
		m.early, m.lost = 0, 0
	}
}

// A flush says how far back it reaches: less than was asked for when there was no room.
func TestReach(t *testing.T) {
	const second = int64(time.Second)
	r := newRing(t, 60*time.Second, 12*1000)
	for at := range int64(100) {
		r.Add(at*second, make([]byte, 1000))
	}
	if h := r.Held(); h.Blocks != 12 || h.From != 88*second || h.To != 99*second || h.Early != 88 {
		t.Errorf("held %+v", h)
	}
	if got := r.Reach(99 * second); got != 12*time.Second {
		t.Errorf("reaches back %v, want 12 s", got)
	}
	if got := r.Reach(200 * second); got != 60*time.Second {
		t.Errorf("long after, it reaches back %v, want all of its 60 s", got)
	}
	if got := len(drain(t, r)); got != 12 {
		t.Errorf("drained %d blocks, want 12", got)
	}
	if got := r.Reach(99 * second); got != 60*time.Second || r.Held() != (ring.Held{}) {
		t.Errorf("after it was drained: %v, %+v", got, r.Held())
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		age  time.Duration
		size int
	}{{0, 1}, {-time.Second, 1}, {time.Second, 0}, {time.Second, -1}} {
		if _, err := ring.New(tc.age, tc.size); err == nil {
			t.Errorf("a ring of %v and %d bytes was made", tc.age, tc.size)
		}
	}
}

// Memory that is used again belongs to one block at a time.
func TestUsedAgain(t *testing.T) {
	r := newRing(t, time.Minute, 8<<20)
	for round := range byte(4) {
		for i := range byte(6) {
			r.Add(1, bytes.Repeat([]byte{round*6 + i}, 400<<10))
		}
		for i, block := range drain(t, r) {
			if want := round*6 + byte(i); len(block) != 400<<10 || slices.ContainsFunc(block, func(b byte) bool { return b != want }) {
				t.Fatalf("round %d: block %d is not what was added", round, i)
			}
		}
	}
}

// A ring that is full takes blocks without allocating.
func TestAllocations(t *testing.T) {
	r := newRing(t, time.Minute, 8<<20)
	block := make([]byte, 32<<10)
	at := int64(0)
	round := func() {
		for range 1000 {
			at++
			r.Add(at, block)
		}
	}
	round()
	if got := testing.AllocsPerRun(10, round); got > 2 {
		t.Errorf("a thousand blocks cost %v allocations", got)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{100, 1500, 32 << 10} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			r := newRing(b, time.Minute, 64<<20)
			block := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			at := int64(0)
			for b.Loop() {
				at++
				r.Add(at, block)
			}
		})
	}
}
