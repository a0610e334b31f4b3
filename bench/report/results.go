//go:build linux

// Package report says what was measured: as JSON, as tables and as plots.
package report

import (
	"slices"

	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/stats"
	"github.com/lodoor/lodoor/bench/workload"
)

// Results are all that a run has found.
type Results struct {
	Machine  machine.About     `json:"machine"`
	Versions map[string]string `json:"versions"`
	// Binary is lodoor's size in bytes.
	Binary  int64   `json:"lodoor_binary_bytes"`
	Rounds  int     `json:"rounds"`
	Seconds float64 `json:"seconds"`
	Seed    uint64  `json:"seed"`
	// Apart are the workloads that were measured in runs of their own, afterwards.
	Apart []string `json:"measured_apart,omitempty"`
	// Sessions are the idle ones.
	Sessions int `json:"idle_sessions"`
	// Loaded is the share of the processors that was busy before the run: figures of a busy machine are provisional.
	Loaded         float64             `json:"busy_before"`
	Workloads      []workload.Workload `json:"workloads"`
	Doors          []Door              `json:"doors"`
	Series         []Series            `json:"series"`
	Targets        []Line              `json:"targets"`
	Skipped        []Trouble           `json:"skipped"`
	Failures       []Trouble           `json:"failures"`
	Configurations map[string]string   `json:"configurations"`
	// Calls are the system calls of a short connection, 8 at once, by door and name.
	Calls map[string]map[string]float64 `json:"system_calls"`
}

// Door is what is said of a door.
type Door struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// Trouble is a door that was left out of a workload, or failed there.
type Trouble struct {
	Workload string `json:"workload,omitempty"`
	Door     string `json:"door"`
	Round    int    `json:"round,omitempty"`
	Why      string `json:"why"`
}

// Series are the rounds of one figure at one door.
type Series struct {
	Workload string        `json:"workload"`
	Metric   string        `json:"metric"`
	Door     string        `json:"door"`
	Values   []float64     `json:"values"`
	Summary  stats.Summary `json:"summary"`
}

// Add adds the figures of one visit.
func (r *Results) Add(w, door string, figures workload.Figures) {
	for metric, value := range figures {
		i := slices.IndexFunc(r.Series, func(s Series) bool { return s.Workload == w && s.Metric == metric && s.Door == door })
		if i < 0 {
			i = len(r.Series)
			r.Series = append(r.Series, Series{Workload: w, Metric: metric, Door: door})
		}
		r.Series[i].Values = append(r.Series[i].Values, value)
	}
}

// Values are the rounds of one figure at one door; nil when there is none.
func (r *Results) Values(w, metric, door string) []float64 {
	for _, s := range r.Series {
		if s.Workload == w && s.Metric == metric && s.Door == door {
			return s.Values
		}
	}
	return nil
}

// Spread is by how much a figure differs between two doors that are one: direct and direct again or, where there is
// no direct, lodoor and lodoor again. NaN when neither pair was measured.
func (r *Results) Spread(w, metric string) float64 {
	if r.Values(w, metric, peers.Direct) != nil {
		return stats.Spread(r.Values(w, metric, peers.Direct), r.Values(w, metric, peers.Control))
	}
	return r.again(w, metric)
}

// again is by how much a figure differs between lodoor and lodoor again.
func (r *Results) again(w, metric string) float64 {
	return stats.Spread(r.Values(w, metric, peers.Lodoor), r.Values(w, metric, peers.Lodoor+" again"))
}

// Finish sums up and judges what was added.
func (r *Results) Finish() {
	for i := range r.Series {
		r.Series[i].Summary = stats.Summarize(r.Series[i].Values)
	}
	r.Targets = r.judge()
}
