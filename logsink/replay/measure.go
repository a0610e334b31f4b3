package replay

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// mostMeasured are how many kinds of operations are measured, mostSamples how many times of each are remembered, evenly
	// chosen of all, and leastSamples how many there must be to say something.
	mostMeasured = 10_000
	mostSamples  = 500
	leastSamples = 5
)

// measures are the times of operations, by fingerprint.
type measures map[uint64]*measure

type measure struct {
	name             string
	count            uint64
	recorded, played []time.Duration
}

// Slower is an operation that takes longer than it did.
type Slower struct {
	Operation string `json:"operation"`
	Count     uint64 `json:"count"`
	// Recorded and Played are medians.
	Recorded time.Duration `json:"recorded_ns"`
	Played   time.Duration `json:"played_ns"`
}

func (m measures) add(x *Exchange, recorded, played time.Duration) {
	if x.Fingerprint == 0 {
		return
	}
	o := m[x.Fingerprint]
	if o == nil {
		if len(m) == mostMeasured {
			return
		}
		o = &measure{name: x.Name}
		m[x.Fingerprint] = o
	}
	o.count++
	if len(o.played) < mostSamples {
		o.recorded, o.played = append(o.recorded, recorded), append(o.played, played)
		return
	}
	if i := rand.Uint64N(o.count); i < mostSamples { //nolint:gosec // a choice of samples is no secret
		o.recorded[i], o.played[i] = recorded, played
	}
}

// slower are the operations whose median is longer both by a factor and by a difference, the worst first.
func (m measures) slower(times float64, by time.Duration) []Slower {
	var all []Slower
	for _, o := range m {
		if len(o.played) < leastSamples {
			continue
		}
		s := Slower{Operation: o.name, Count: o.count, Recorded: median(o.recorded), Played: median(o.played)}
		if s.Played-s.Recorded >= by && float64(s.Played) >= times*float64(s.Recorded) {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Slower) int {
		return cmp.Or(cmp.Compare(b.Played-b.Recorded, a.Played-a.Recorded), cmp.Compare(a.Operation, b.Operation))
	})
	return all
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
