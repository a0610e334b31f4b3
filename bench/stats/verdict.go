package stats

import "math"

// Verdict is what became of a target.
type Verdict string

// The verdicts. A value nearer to its target than the spread is on that side by chance as likely as not.
const (
	Met          Verdict = "met"
	NotMet       Verdict = "not met"
	BarelyMet    Verdict = "met, within spread"
	BarelyMissed Verdict = "not met, within spread"
	Unknown      Verdict = "not measured"
)

// Target is a bound that a figure has to keep.
type Target struct {
	// AtLeast makes Value the least that is allowed; otherwise it is the most.
	AtLeast bool    `json:"at_least"`
	Value   float64 `json:"value"`
}

// Judge compares a value with the target. The spread is relative, as of [Spread]; NaN counts as 0.
func (t Target) Judge(value, spread float64) Verdict {
	if math.IsNaN(value) {
		return Unknown
	}
	met := value <= t.Value
	if t.AtLeast {
		met = value >= t.Value
	}
	within := math.Abs(value-t.Value) < spread*math.Abs(t.Value)
	switch {
	case met && within:
		return BarelyMet
	case met:
		return Met
	case within:
		return BarelyMissed
	}
	return NotMet
}

// Differs says whether a ratio is a result: farther from 1 than the spread. Without a spread (NaN) it is not.
func Differs(ratio, spread float64) bool { return math.Abs(ratio-1) > spread }
