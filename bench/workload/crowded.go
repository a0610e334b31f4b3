//go:build linux

package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lodoor/lodoor/bench/load"
	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/parse"
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/services"
	"github.com/lodoor/lodoor/bench/stats"
)

// crowd is how many other processes there are: with 20 descriptors each they have 6,000.
const crowd = 300

// Paced connections: 200 a second, each open for 2 ms, long enough for a search to find its socket.
const (
	pacedEvery = 5 * time.Millisecond
	pacedStay  = 2 * time.Millisecond
)

// crowdedDoors have two controls: only a relay has processor time of its own.
func crowdedDoors() []string {
	return slices.Concat(plain(), []string{peers.Nginx, peers.Lodoor, "lodoor again", "lodoor no processes"})
}

func crowded() Workload {
	return Workload{
		Name: "crowded", Title: "Short connections on a crowded host",
		About: fmt.Sprintf("%d more processes, with %d descriptors each, half of them sockets, all younger than the client: a "+
			"search that looks at the newest first comes to the client last. Beside them one connection after the other, 200 "+
			"a second, each open for 2 ms after the answer; from the call of connect to the answer. The CPU is that of the "+
			"relay's processes. Named are the sessions whose client lodoor's lines tell.", crowd, machine.CrowdDescriptors),
		Metrics: []Metric{
			{Name: "p50", Title: "p50", Unit: "µs"},
			{Name: "p99", Title: "p99", Unit: "µs"},
			{Name: "cpu", Title: "the relay's own CPU", Unit: "µs/connection"},
			{Name: "named", Title: "sessions whose client was named", Unit: "%", Higher: true},
		},
		Doors:    crowdedDoors(),
		Services: []string{services.Echo},
		Run:      runCrowded,
	}
}

func runCrowded(ctx context.Context, v *Visit) (Figures, error) {
	paced := load.Paced{Port: v.Open.Port(services.Echo), Every: pacedEvery, Stay: pacedStay, For: v.For}
	made, used, err := amidCrowd(ctx, v, paced.Run)
	if err != nil {
		return nil, err
	}
	slices.Sort(made.Latencies)
	figures := Figures{
		"p50": micros(stats.Quantile(made.Latencies, 0.50)),
		"p99": micros(stats.Quantile(made.Latencies, 0.99)),
	}
	if used > 0 {
		figures["cpu"] = micros(used.Seconds()) / float64(len(made.Latencies))
	}
	if v.Door.Program() != peers.Lodoor {
		return figures, nil
	}
	lines, err := v.Open.Said()
	if err != nil {
		return nil, err
	}
	named, ended, err := parse.Named(lines)
	if ended > 0 { // one that is quiet tells of none
		figures["named"] = 100 * float64(named) / float64(ended)
	}
	return figures, err
}

func crowdedStorm() Workload {
	return Workload{
		Name: "crowded-storm", Title: "Storm of short connections on a crowded host",
		About: "Beside the same processes 8 connections at once, without rests, each closed when it is answered. The share " +
			"is that of one processor.",
		Metrics: []Metric{
			{Name: "rate", Title: "connections", Unit: "1/s", Higher: true},
			{Name: "cpu", Title: "the relay's own CPU", Unit: "µs/connection"},
			{Name: "share", Title: "the relay's share of a processor", Unit: "%"},
		},
		Doors:    crowdedDoors(),
		Services: []string{services.Echo},
		Run: func(ctx context.Context, v *Visit) (Figures, error) {
			storm := load.Short{Port: v.Open.Port(services.Echo), Workers: concurrency, For: v.For}
			made, used, err := amidCrowd(ctx, v, storm.Run)
			if err != nil {
				return nil, err
			}
			n := float64(len(made.Latencies))
			figures := Figures{"rate": n / made.Elapsed.Seconds()}
			if used > 0 {
				figures["cpu"] = micros(used.Seconds()) / n
				figures["share"] = 100 * used.Seconds() / made.Elapsed.Seconds()
			}
			return figures, nil
		},
	}
}

// amidCrowd makes connections while the crowd is there, and returns what processor time the relay used for them: 0
// without a relay.
func amidCrowd(
	ctx context.Context, v *Visit, connections func(context.Context) (load.Made, error),
) (made load.Made, used time.Duration, err error) {
	others, err := machine.Gather(ctx, crowd)
	if err != nil {
		return load.Made{}, 0, err
	}
	defer func() { err = errors.Join(err, others.Close()) }()
	relay, err := v.Open.Relay()
	if err != nil {
		return load.Made{}, 0, err
	}
	before, err := machine.Consumed(relay)
	if err != nil {
		return load.Made{}, 0, err
	}
	if made, err = connections(ctx); err != nil {
		return load.Made{}, 0, err
	}
	after, err := machine.Consumed(relay)
	return made, after - before, err
}
