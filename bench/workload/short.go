//go:build linux

package workload

import (
	"context"
	"slices"

	"github.com/lodoor/lodoor/bench/load"
	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/services"
	"github.com/lodoor/lodoor/bench/stats"
)

// concurrency is how many short connections are open at once where the rate is measured.
const concurrency = 8

func short() Workload {
	return Workload{
		Name: "short", Title: "Short connections, 8 at once",
		About: "Connect, send 15 bytes to an echo service, read the answer, close; 8 connections at a time.",
		Metrics: []Metric{
			{Name: "rate", Title: "connections", Unit: "1/s", Higher: true},
			{Name: "cpu", Title: "CPU of the whole machine", Unit: "µs/connection"},
		},
		Doors:    slices.Concat(plain(), relays(), lanes(), features()),
		Services: []string{services.Echo},
		Run: func(ctx context.Context, v *Visit) (Figures, error) {
			before, err := machine.Busy()
			if err != nil {
				return nil, err
			}
			made, err := load.Short{Port: v.Open.Port(services.Echo), Workers: concurrency, For: v.For}.Run(ctx)
			if err != nil {
				return nil, err
			}
			after, err := machine.Busy()
			if err != nil {
				return nil, err
			}
			n := float64(len(made.Latencies))
			return Figures{"rate": n / made.Elapsed.Seconds(), "cpu": micros((after - before).Seconds()) / n}, nil
		},
	}
}

func sequential() Workload {
	return Workload{
		Name: "sequential", Title: "Short connections, one after the other",
		About: "As above, one connection at a time; from the call of connect to the answer.",
		Metrics: []Metric{
			{Name: "p50", Title: "p50", Unit: "µs"},
			{Name: "p99", Title: "p99", Unit: "µs"},
		},
		Doors:    slices.Concat(plain(), relays(), lanes(), features()),
		Services: []string{services.Echo},
		Run: func(ctx context.Context, v *Visit) (Figures, error) {
			made, err := load.Short{Port: v.Open.Port(services.Echo), Workers: 1, For: v.For}.Run(ctx)
			if err != nil {
				return nil, err
			}
			slices.Sort(made.Latencies)
			return Figures{
				"p50": micros(stats.Quantile(made.Latencies, 0.50)),
				"p99": micros(stats.Quantile(made.Latencies, 0.99)),
			}, nil
		},
	}
}
