package alert

import (
	"hash/maphash"
	"math"
	"slices"
	"time"
)

// Bounds of what one window keeps.
const (
	maxBuckets = 60
	minBucket  = time.Second
	maxKeys    = 1024  // that are told apart; the rest are one
	maxValues  = 16384 // of all keys of a distinct()
)

// overflow is the key of all that found no room.
const overflow = "\x00overflow"

// tally measures a window that slides. It moves in steps of a sixtieth of the window, at least one second: what is in
// it is what came in the present step and the whole steps before it that fit.
type tally struct {
	measure measure
	bucket  time.Duration
	length  int64 // buckets
	keep    int   // values of one key of a distinct(): one more than matters
	seed    maphash.Seed

	series map[string]*series
	swept  int64 // the bucket in which keys without records were last removed
	values int   // of all series
}

// series is what is known of one key.
type series struct {
	newest int64
	ring   []float64        // by bucket; nil of a distinct()
	seen   map[uint64]int64 // hash of a value to the bucket in which it came last; nil but of a distinct()
	// sightings are those of seen by bucket, the oldest first, and some that are outdated.
	sightings []sighting
}

type sighting struct {
	value  uint64 // its hash
	bucket int64
}

func newTally(w *window) *tally {
	t := &tally{
		measure: w.measure, bucket: max(minBucket, (w.span+maxBuckets-1)/maxBuckets), series: map[string]*series{},
		keep: int(w.limit) + 1, seed: maphash.MakeSeed(),
	}
	t.length = int64((w.span + t.bucket - 1) / t.bucket)
	return t
}

// add counts a record in its key's window and returns the measure. at is a time that does not go back. amount is the
// weight of a count, or the number to sum or compare; text the value of a distinct(). It also says whether there was
// no room for the key, which is then counted in one with others.
func (t *tally) add(key []byte, at time.Duration, amount float64, text []byte) (value float64, others bool) {
	now := int64(at / t.bucket)
	s := t.series[string(key)]
	if s == nil {
		name := string(key)
		if len(t.series) >= maxKeys {
			t.sweep(now)
		}
		if len(t.series) >= maxKeys {
			name, others = overflow, true
			s = t.series[overflow]
		}
		if s == nil {
			s = t.begin(now)
			t.series[name] = s
		}
	}
	t.advance(s, now)
	if t.measure == measureDistinct {
		return t.distinct(s, text), others
	}
	return t.number(s, amount), others
}

func (t *tally) begin(now int64) *series {
	if t.measure == measureDistinct {
		return &series{newest: now, seen: map[uint64]int64{}}
	}
	s := &series{newest: now, ring: make([]float64, t.length)}
	for i := range s.ring {
		s.ring[i] = t.nothing()
	}
	return s
}

// nothing is what a bucket without records has.
func (t *tally) nothing() float64 {
	if t.measure == measureMax {
		return math.Inf(-1)
	}
	return 0
}

// advance empties the buckets that the series has not seen since.
func (t *tally) advance(s *series, now int64) {
	if now <= s.newest {
		return
	}
	if s.ring != nil {
		for b := max(s.newest+1, now-t.length+1); b <= now; b++ {
			s.ring[b%t.length] = t.nothing()
		}
	}
	s.newest = now
}

func (t *tally) number(s *series, amount float64) float64 {
	place := &s.ring[s.newest%t.length]
	if t.measure == measureMax {
		*place = max(*place, amount)
	} else {
		*place += amount
	}
	all := t.nothing()
	for _, v := range s.ring {
		if t.measure == measureMax {
			all = max(all, v)
		} else {
			all += v
		}
	}
	return all
}

// distinct keeps the values that came last, one more than the limit: how many of them are in the window is exact up to
// there.
func (t *tally) distinct(s *series, text []byte) float64 {
	value := maphash.Bytes(t.seed, text)
	last, known := s.seen[value]
	if known && last == s.newest {
		return float64(len(s.seen))
	}
	for len(s.sightings) > 0 && s.sightings[0].bucket <= s.newest-t.length {
		t.forgetOldest(s)
	}
	if _, known = s.seen[value]; !known {
		for len(s.seen) > 0 && (len(s.seen) >= t.keep || t.values >= maxValues) {
			t.forgetOldest(s)
		}
		t.values++
	}
	s.seen[value] = s.newest
	s.sightings = append(s.sightings, sighting{value, s.newest})
	if len(s.sightings) > 2*len(s.seen) {
		s.sightings = slices.DeleteFunc(s.sightings, s.outdated)
	}
	return float64(len(s.seen))
}

// forgetOldest takes the first sighting, and its value when it was not seen again.
func (t *tally) forgetOldest(s *series) {
	first := s.sightings[0]
	s.sightings = s.sightings[1:]
	if !s.outdated(first) {
		delete(s.seen, first.value)
		t.values--
	}
}

// outdated says whether the value was seen again, or is forgotten.
func (s *series) outdated(x sighting) bool {
	last, known := s.seen[x.value]
	return !known || last != x.bucket
}

// sweep removes the keys that have no record in their window; once in a bucket, since it looks at all of them.
func (t *tally) sweep(now int64) {
	if now == t.swept {
		return
	}
	t.swept = now
	for key, s := range t.series {
		if s.newest <= now-t.length {
			t.values -= len(s.seen)
			delete(t.series, key)
		}
	}
}

// tick gives back the memory of keys that are quiet.
func (t *tally) tick(at time.Duration) { t.sweep(int64(at / t.bucket)) }
