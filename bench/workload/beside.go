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
	"github.com/lodoor/lodoor/bench/services"
	"github.com/lodoor/lodoor/bench/stats"
)

func besideBulk() Workload {
	return beside("beside-bulk", "Redis GET beside four unlimited streams",
		"One client's GETs while iperf3 sends as much as it can over four connections through the same door.")
}

// pace is the rate of a paced stream in bits per second: 100 MB/s.
const pace = "800M"

func besidePaced() Workload {
	return beside("beside-paced", "Redis GET beside four paced streams",
		"The same with four connections of 100 MB/s each.", "--bitrate", pace)
}

func beside(name, title, about string, args ...string) Workload {
	return Workload{
		Name: name, Title: title, About: about,
		Metrics: []Metric{
			{Name: "p50", Title: "p50", Unit: "µs"},
			{Name: "p99", Title: "p99", Unit: "µs"},
			{Name: "p999", Title: "p99.9", Unit: "µs"},
			{Name: "rate", Title: "moved by the four streams", Unit: "GB/s", Higher: true},
		},
		Doors:    slices.Concat(plain(), relays(), lanes()),
		Services: []string{services.Redis, services.Iperf3},
		Run: func(ctx context.Context, v *Visit) (Figures, error) {
			return runBeside(ctx, v, append([]string{"--parallel", "4"}, args...))
		},
	}
}

func runBeside(ctx context.Context, v *Visit, args []string) (Figures, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		moved parse.Bulk
		err   error
	}
	streams := make(chan result, 1)
	before, err := machine.LoopbackBytes()
	if err != nil {
		return nil, err
	}
	go func() {
		// A second more than the requests take, so that they are never alone.
		moved, err := iperf3(ctx, v, v.For+time.Second, args...)
		streams <- result{moved, err}
	}()
	latencies, err := func() ([]float64, error) {
		if err := flowing(ctx, before); err != nil {
			return nil, err
		}
		return load.Gets(ctx, v.Open.Port(services.Redis), v.For)
	}()
	if err != nil {
		cancel()
	}
	r := <-streams
	if err := errors.Join(err, r.err); err != nil {
		return nil, err
	}
	slices.Sort(latencies)
	return Figures{
		"p50":  micros(stats.Quantile(latencies, 0.50)),
		"p99":  micros(stats.Quantile(latencies, 0.99)),
		"p999": micros(stats.Quantile(latencies, 0.999)),
		"rate": r.moved.BytesPerSecond / gigabyte,
	}, nil
}

// flowing waits until the streams move: until the loopback device has carried what nobody else would.
func flowing(ctx context.Context, before int64) error {
	const enough, within = 20 << 20, 10 * time.Second
	for began := time.Now(); time.Since(began) < within; {
		now, err := machine.LoopbackBytes()
		if err != nil || now-before > enough {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("the streams did not move within %v", within)
}
