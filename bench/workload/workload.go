//go:build linux

// Package workload has what is measured: each workload visits one door, puts its load on it and returns figures.
package workload

import (
	"context"
	"slices"
	"time"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/services"
)

// Metric is one figure of a workload.
type Metric struct {
	Name string `json:"name"`
	// Title and Unit are for people; the figure is in Unit.
	Title string `json:"title"`
	Unit  string `json:"unit"`
	// Higher says that more is better.
	Higher bool `json:"higher_is_better"`
}

// Workload is one kind of load.
type Workload struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	About   string   `json:"about"`
	Metrics []Metric `json:"metrics"`
	// Doors are those that it visits; Services those that it needs.
	Doors    []string `json:"doors"`
	Services []string `json:"services"`
	// Cold workloads open the door themselves.
	Cold bool `json:"-"`
	// Run measures one door.
	Run func(context.Context, *Visit) (Figures, error) `json:"-"`
}

// Figures are what one visit measured, by the names of the metrics.
type Figures map[string]float64

// Visit is one door at one time.
type Visit struct {
	// Open is the door; nil for a cold workload.
	Open *peers.Open
	// Services are behind it.
	Services *services.Set
	// Opener and Door open it, for a cold workload.
	Opener peers.Opener
	Door   peers.Door
	// Dir is an empty folder for the visit's files.
	Dir string
	// For is how long the load lasts where it is not bounded by a number.
	For time.Duration
	// Idle is how many sessions are open where many are.
	Idle int
	// Calls are the system calls by their names, for one short connection, when they were counted.
	Calls map[string]float64
}

// All are the workloads, in the order in which they are shown.
func All() []Workload {
	return []Workload{
		bulk(), redis50(), redis1(), pgbench(), short(), sequential(), syscalls(), idle(), besideBulk(), besidePaced(),
		sessions(), rules(), crowded(), crowdedStorm(), start(),
	}
}

// Groups of doors. A process for each session makes no sense with thousands of them.
func plain() []string { return []string{peers.Direct, peers.Control} }

func relays() []string {
	return []string{peers.HAProxy, peers.Spliced, peers.Nginx, peers.Socat, peers.Rinetd, peers.Lodoor}
}

func lanes() []string {
	return []string{"lodoor lane copy", "lodoor lane loop", "lodoor one loop", "lodoor busy poll"}
}

// tapped are lodoor with somebody who reads along, and with tcpdump beside it.
func tapped() []string {
	return []string{"lodoor record", "lodoor record front", "lodoor decode", "lodoor decode all", "lodoor record decode", "lodoor tcpdump"}
}

// unsought is lodoor that does not look for the processes behind peers.
func unsought() []string { return []string{"lodoor no processes"} }

// features are lodoor with one thing taken away, or added.
func features() []string {
	return slices.Concat([]string{"lodoor quiet", "lodoor journal off", "lodoor disk", "lodoor record"}, unsought())
}

func without(doors []string, left ...string) []string {
	var rest []string
	for _, d := range doors {
		out := false
		for _, l := range left {
			out = out || d == l
		}
		if !out {
			rest = append(rest, d)
		}
	}
	return rest
}
