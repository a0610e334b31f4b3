//go:build linux

package workload

import (
	"context"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/bench/load"
	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/parse"
	"github.com/lodoor/lodoor/bench/services"
	"github.com/lodoor/lodoor/bench/stats"
)

// How many requests stand for one second of the time that a visit may take, about what a fast door answers.
const (
	redis50Rate = 50_000
	redis1Rate  = 15_000
)

func redis50() Workload {
	return Workload{
		Name: "redis50", Title: "Redis GET, 50 clients",
		About: "redis-benchmark without pipelining: 50 connections, one request at a time on each.",
		Metrics: []Metric{
			{Name: "rate", Title: "requests", Unit: "1/s", Higher: true},
			{Name: "cpu", Title: "CPU of the whole machine", Unit: "µs/request"},
		},
		Doors:    slices.Concat(plain(), relays(), lanes(), unsought(), tapped()),
		Services: []string{services.Redis},
		Run: func(ctx context.Context, v *Visit) (Figures, error) {
			n := int(v.For.Seconds() * redis50Rate)
			before, err := machine.Busy()
			if err != nil {
				return nil, err
			}
			r, err := redisBenchmark(ctx, v, 50, n)
			if err != nil {
				return nil, err
			}
			after, err := machine.Busy()
			if err != nil {
				return nil, err
			}
			return Figures{"rate": r.PerSecond, "cpu": micros((after - before).Seconds()) / float64(n)}, nil
		},
	}
}

func redis1() Workload {
	return Workload{
		Name: "redis1", Title: "Redis GET, one client",
		About: "One connection, one request at a time: by our own client, which knows nanoseconds, and then by " +
			"redis-benchmark, which knows whole microseconds. Targets go by the former.",
		Metrics: []Metric{
			{Name: "p50", Title: "p50", Unit: "µs"},
			{Name: "p99", Title: "p99", Unit: "µs"},
			{Name: "p50_rb", Title: "p50 of redis-benchmark", Unit: "µs"},
			{Name: "p99_rb", Title: "p99 of redis-benchmark", Unit: "µs"},
		},
		Doors:    slices.Concat(plain(), relays(), lanes(), unsought(), tapped()),
		Services: []string{services.Redis},
		Run:      runRedis1,
	}
}

func runRedis1(ctx context.Context, v *Visit) (Figures, error) {
	latencies, err := load.Gets(ctx, v.Open.Port(services.Redis), v.For/2)
	if err != nil {
		return nil, err
	}
	r, err := redisBenchmark(ctx, v, 1, max(1, int(v.For.Seconds()*redis1Rate/2)))
	if err != nil {
		return nil, err
	}
	slices.Sort(latencies)
	return Figures{
		"p50":    micros(stats.Quantile(latencies, 0.50)),
		"p99":    micros(stats.Quantile(latencies, 0.99)),
		"p50_rb": micros(r.P50.Seconds()),
		"p99_rb": micros(r.P99.Seconds()),
	}, nil
}

// micros are the microseconds of seconds.
func micros(seconds float64) float64 { return seconds * 1e6 }

func redisBenchmark(ctx context.Context, v *Visit, clients, requests int) (parse.Requests, error) {
	path, err := machine.Program("redis-benchmark")
	if err != nil {
		return parse.Requests{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*v.For+30*time.Second)
	defer cancel()
	out, err := machine.Output(ctx, exec.Command(path, "-h", "127.0.0.1", "-p", strconv.Itoa(v.Open.Port(services.Redis)),
		"-t", "get", "-c", strconv.Itoa(clients), "-n", strconv.Itoa(requests), "--csv", "--precision", "3"))
	if err != nil {
		return parse.Requests{}, err
	}
	return parse.RedisBenchmark(out, "GET")
}
