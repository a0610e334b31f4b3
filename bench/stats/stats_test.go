package stats

import (
	"math"
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []float64
		want   Summary
	}{
		{"none", nil, Summary{}},
		{"one", []float64{3}, Summary{1, 3, 0, 3, 3}},
		{"even", []float64{4, 1, 2, 3}, Summary{4, 2.5, 1, 1, 4}},
		{"an outlier moves neither", []float64{10, 11, 9, 10, 1000}, Summary{5, 10, 1, 9, 1000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := slices.Clone(tc.values)
			if got := Summarize(tc.values); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if !slices.Equal(before, tc.values) {
				t.Errorf("the values were reordered: %v", tc.values)
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, tc := range []struct{ q, want float64 }{{0, 1}, {0.5, 50}, {0.501, 51}, {0.99, 99}, {0.999, 100}, {1, 100}} {
		if got := Quantile(hundred, tc.q); got != tc.want {
			t.Errorf("quantile %v is %v, want %v", tc.q, got, tc.want)
		}
	}
	if got := Quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing is %v", got)
	}
}

func TestRatio(t *testing.T) {
	if got := Ratio([]float64{3, 9, 6}, []float64{2, 4, 3}); got != 2 {
		t.Errorf("ratio %v, want 2", got)
	}
	for _, base := range [][]float64{nil, {0}} {
		if got := Ratio([]float64{1}, base); !math.IsNaN(got) {
			t.Errorf("ratio to %v is %v", base, got)
		}
	}
}

func TestSpread(t *testing.T) {
	steady := []float64{100, 101, 99, 100, 100, 101, 99, 100}
	wild := []float64{50, 150, 80, 120, 100, 60, 140, 100}
	if got := Spread(steady, steady); got <= 0 || got > 0.02 {
		t.Errorf("the spread of steady rounds is %v", got)
	}
	if a, b := Spread(steady, steady), Spread(wild, wild); b < 5*a || b > 1 {
		t.Errorf("steady rounds spread by %v, wild ones by %v", a, b)
	}
	if got := Spread([]float64{10}, []float64{12}); math.Abs(got-0.2) > 1e-9 {
		t.Errorf("the spread of two single rounds is %v, want their difference, 0.2", got)
	}
	if a, b := Spread(wild, steady), Spread(wild, steady); a != b {
		t.Errorf("the same rounds spread by %v and by %v", a, b)
	}
	if got := Spread(nil, steady); !math.IsNaN(got) {
		t.Errorf("the spread to nothing is %v", got)
	}
}

func TestJudge(t *testing.T) {
	least, most := Target{AtLeast: true, Value: 1.25}, Target{Value: 0.5}
	for _, tc := range []struct {
		name          string
		target        Target
		value, spread float64
		want          Verdict
	}{
		{"well above", least, 1.5, 0.05, Met},
		{"on the spot", least, 1.25, 0, Met},
		{"a little above", least, 1.26, 0.05, BarelyMet},
		{"a little below", least, 1.24, 0.05, BarelyMissed},
		{"well below", least, 1.0, 0.05, NotMet},
		{"below the most", most, 0.3, 0.05, Met},
		{"a little below the most", most, 0.49, 0.05, BarelyMet},
		{"a little above the most", most, 0.51, 0.05, BarelyMissed},
		{"above the most", most, 0.6, 0.05, NotMet},
		{"no spread known", most, 0.51, math.NaN(), NotMet},
		{"no value", most, math.NaN(), 0.1, Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.target.Judge(tc.value, tc.spread); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestDiffers(t *testing.T) {
	for _, tc := range []struct {
		ratio, spread float64
		want          bool
	}{{1.2, 0.1, true}, {0.8, 0.1, true}, {1.05, 0.1, false}, {0.95, 0.1, false}, {2, math.NaN(), false}} {
		if got := Differs(tc.ratio, tc.spread); got != tc.want {
			t.Errorf("%v within %v: %v", tc.ratio, tc.spread, got)
		}
	}
}
