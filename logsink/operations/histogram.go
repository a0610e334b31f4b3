package operations

import (
	"math/bits"
	"time"
)

// histogram counts durations in steps of an eighth of their size, from 1 µs to 4 hours; what is beyond counts as these. A
// quantile is right to 12 %.
type histogram struct {
	counts [steps]uint32
	n      uint64
}

const (
	finest  = 10 // 2^10 ns
	coarse  = 44 // 2^44 ns
	eighths = 3  // bits
	steps   = (coarse - finest) << eighths
)

func (h *histogram) add(d time.Duration) {
	h.counts[step(d)]++
	h.n++
}

func step(d time.Duration) int {
	if d < 1<<finest {
		return 0
	}
	high := bits.Len64(uint64(d)) - 1
	low := int(d>>(high-eighths)) & (1<<eighths - 1)
	return min((high-finest)<<eighths|low, steps-1)
}

// upTo is the least duration that is in no step up to i.
func upTo(i int) time.Duration {
	i++
	return time.Duration(1<<eighths|i&(1<<eighths-1)) << (i>>eighths + finest - eighths)
}

// quantile is a duration that the q-th part of all does not exceed, by not more than a step; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	want := uint64(q * float64(h.n))
	if float64(want) < q*float64(h.n) {
		want++
	}
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += uint64(n); n > 0 && seen >= want {
			return upTo(i)
		}
	}
	return 0
}
