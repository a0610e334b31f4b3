// Package stats sums up repeated measurements, and says when two of them differ.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Summary is what is said of the rounds of one figure. All of it is in the figure's own unit.
type Summary struct {
	Rounds int     `json:"rounds"`
	Median float64 `json:"median"`
	// MAD is the median of the distances from the median.
	MAD float64 `json:"mad"`
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Summarize sums up the values; the zero summary is that of no value.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	m := Median(values)
	distances := make([]float64, len(values))
	for i, v := range values {
		distances[i] = math.Abs(v - m)
	}
	return Summary{
		Rounds: len(values), Median: m, MAD: Median(distances), Min: slices.Min(values), Max: slices.Max(values),
	}
}

// Median is the middle value, or the mean of the two in the middle; NaN of no value.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Quantile is the smallest value that at least the share q (0 to 1) of the sorted values does not exceed (the nearest
// rank); NaN of no value.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Ratio is the ratio of the medians; NaN when there is none.
func Ratio(values, base []float64) float64 {
	b := Median(base)
	if b == 0 {
		return math.NaN()
	}
	return Median(values) / b
}

// resamples is how often the rounds are drawn anew; the share of resamples that [Spread] covers follows below.
const (
	resamples = 2000
	covered   = 0.95
)

// Spread says by how much the medians of two series differ that measured the same thing: the rounds of both are drawn
// anew, with replacement (the bootstrap of B. Efron, 1979), and 95 % of the resulting ratios lie within 1 ± Spread. It
// is never below the difference that was seen. NaN when one of them is empty.
func Spread(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN()
	}
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same figures give the same spread
	differences := make([]float64, 0, resamples)
	for range resamples {
		if r := Ratio(draw(rng, b), draw(rng, a)); !math.IsNaN(r) {
			differences = append(differences, math.Abs(r-1))
		}
	}
	slices.Sort(differences)
	return max(Quantile(differences, covered), math.Abs(Ratio(b, a)-1))
}

func draw(rng *rand.Rand, values []float64) []float64 {
	drawn := make([]float64, len(values))
	for i := range drawn {
		drawn[i] = values[rng.IntN(len(values))]
	}
	return drawn
}
