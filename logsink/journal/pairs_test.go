package journal

import (
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// TestPairs compares the map with two sets, which is what it stands for.
func TestPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := pairs{}
		sets := map[pairState]map[flow.SessionID]bool{reserved: {}, begun: {}}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			id := flow.SessionID{byte(rapid.IntRange(1, 4).Draw(t, "session"))}
			s := rapid.SampledFrom([]pairState{reserved, begun}).Draw(t, "state")
			if rapid.Bool().Draw(t, "set") {
				p.set(id, s)
				sets[s][id] = true
			} else {
				p.clear(id, s)
				delete(sets[s], id)
			}
			for s, set := range sets {
				if p.count(s) != len(set) || p.is(id, s) != set[id] {
					t.Fatalf("%d sessions are %d, want %d", p.count(s), s, len(set))
				}
			}
		}
		for id, s := range p {
			if s == 0 {
				t.Errorf("nothing is known of session %v, and it takes room", id)
			}
		}
	})
}

// TestMemoryOfOpenSessions bounds what the journal holds for a session that is open and idle. A map that has just
// grown is half empty, so it looks at several numbers of sessions: the worst seen is 43 bytes, the least 25.
func TestMemoryOfOpenSessions(t *testing.T) {
	j := resting(t, small(t.TempDir()), openOS)
	var total float64
	marks := []int{1000, 2000, 4000, 6000, 8000, 9000, 10000}
	base, open := heap(), 0
	for _, n := range marks {
		for ; open < n; open++ {
			j.Add(flow.Record{Event: flow.EventSessionOpen, Session: flow.NewSessionID()}, nil)
			j.turn()
		}
		each := float64(heap()-base) / float64(n)
		t.Logf("%d open sessions: %.1f bytes each", n, each)
		total += each
	}
	if mean := total / float64(len(marks)); mean > 45 {
		t.Errorf("%.1f bytes a session", mean)
	}
	runtime.KeepAlive(j)
}

// heap is what lives on the heap.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
