package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets of which each is a thirty-second of a power of two wide, so that a quantile is
// right to 2 %, and its size is the same whatever their number.
type histogram struct {
	buckets     [60 * histogramSteps]uint64 // of all that 64 bits can be
	count       uint64
	least, most time.Duration
}

const (
	histogramBits  = 5
	histogramSteps = 1 << histogramBits
)

func (h *histogram) add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(uint64(d))]++
	if h.count == 0 || d < h.least {
		h.least = d
	}
	h.most = max(h.most, d)
	h.count++
}

func bucketOf(n uint64) int {
	if n < histogramSteps {
		return int(n)
	}
	shift := bits.Len64(n) - 1 - histogramBits
	return (shift+1)<<histogramBits + int(n>>shift) - histogramSteps
}

// startOf is the smallest number of a bucket.
func startOf(bucket int) uint64 {
	if bucket < histogramSteps {
		return uint64(bucket)
	}
	shift := bucket>>histogramBits - 1
	return uint64(bucket&(histogramSteps-1)+histogramSteps) << shift
}

// quantile is the duration that the given part of all does not exceed.
func (h *histogram) quantile(part float64) time.Duration {
	rank := uint64(part*float64(h.count-1)) + 1
	for i, n := range h.buckets {
		if rank <= n {
			middle := time.Duration(startOf(i)/2 + startOf(i+1)/2)
			return min(max(middle, h.least), h.most)
		}
		rank -= n
	}
	return 0
}
