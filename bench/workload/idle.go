//go:build linux

package workload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lodoor/lodoor/bench/load"
	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/services"
	"github.com/lodoor/lodoor/bench/stats"
)

func idle() Workload {
	return Workload{
		Name: "idle", Title: "User memory of an idle session",
		About: "The proportional set size of the relay's processes with 9,000 sessions more than with none, in each of which " +
			"one message was echoed; read when it no longer changes. The kernel's memory is not in it.",
		Metrics:  []Metric{{Name: "memory", Title: "memory of a session", Unit: "KB"}},
		Doors:    slices.Concat(without(relays(), peers.Socat, peers.Rinetd), []string{"lodoor again"}, lanes(), unsought(), []string{"lodoor record"}),
		Services: []string{services.Echo},
		Run:      runIdle,
	}
}

func runIdle(ctx context.Context, v *Visit) (Figures, error) {
	port := v.Open.Port(services.Echo)
	// What is allocated once, at the first connections, is not a session's.
	if _, err := (load.Short{Port: port, Workers: concurrency, Count: 200}).Run(ctx); err != nil {
		return nil, err
	}
	before, err := settled(ctx, v)
	if err != nil {
		return nil, err
	}
	var sessions load.Idle
	defer sessions.Close()
	if err := openWithin(ctx, &sessions, port, v.Idle); err != nil {
		return nil, err
	}
	after, err := settled(ctx, v)
	if err != nil {
		return nil, err
	}
	if open := v.Services.Echo.Open(); open != int64(v.Idle) {
		return nil, fmt.Errorf("of %d idle sessions %d are open", v.Idle, open)
	}
	return Figures{"memory": float64(after-before) / 1024 / float64(v.Idle)}, nil
}

// openWithin opens n more sessions. A relay that takes too long fails: rinetd looks at every session for each event.
func openWithin(ctx context.Context, sessions *load.Idle, port, n int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return sessions.Open(ctx, port, n)
}

// settled is the relay's user memory in bytes once it has stayed within a percent for a while.
func settled(ctx context.Context, v *Visit) (int64, error) {
	const quiet, within, pause = 3 * time.Second, 20 * time.Second, 50 * time.Millisecond
	var last int64
	since := time.Now()
	for began := time.Now(); time.Since(began) < within; {
		relay, err := v.Open.Relay()
		if err != nil {
			return 0, err
		}
		now, err := machine.PSS(relay)
		if err != nil {
			return 0, err
		}
		if difference := max(now-last, last-now); difference*100 > last {
			last, since = now, time.Now()
		}
		if time.Since(since) >= quiet {
			return now, nil
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		time.Sleep(pause)
	}
	return 0, fmt.Errorf("the memory of %s does not settle within %v", v.Door.Name, within)
}

// steps are how many sessions are idle while short connections are made.
func steps() []int { return []int{10, 1000, 9000} }

func sessions() Workload {
	w := Workload{
		Name: "sessions", Title: "Short connections beside idle sessions",
		About:    "Short connections while 10, then 1,000, then 9,000 other sessions are open and idle through the same door.",
		Doors:    slices.Concat(plain(), []string{peers.HAProxy, peers.Nginx, peers.Lodoor}, lanes()),
		Services: []string{services.Echo},
		Run:      runSessions,
	}
	for _, n := range steps() {
		w.Metrics = append(w.Metrics,
			Metric{Name: fmt.Sprintf("rate_%d", n), Title: fmt.Sprintf("8 at once, %d idle", n), Unit: "1/s", Higher: true},
			Metric{Name: fmt.Sprintf("p50_%d", n), Title: fmt.Sprintf("one after the other, p50, %d idle", n), Unit: "µs"})
	}
	return w
}

func runSessions(ctx context.Context, v *Visit) (Figures, error) {
	port := v.Open.Port(services.Echo)
	figures := make(Figures)
	var open load.Idle
	defer open.Close()
	for _, n := range steps() {
		if err := openWithin(ctx, &open, port, min(n, v.Idle)-open.Len()); err != nil {
			return nil, err
		}
		rate, p50, err := rateAndLatency(ctx, port, v.For/2)
		if err != nil {
			return nil, fmt.Errorf("with %d idle sessions: %w", open.Len(), err)
		}
		figures[fmt.Sprintf("rate_%d", n)], figures[fmt.Sprintf("p50_%d", n)] = rate, p50
	}
	return figures, nil
}

// rateAndLatency makes short connections, at once and one after the other, each for d. The latency is in microseconds.
func rateAndLatency(ctx context.Context, port int, d time.Duration) (rate, p50 float64, err error) {
	made, err := load.Short{Port: port, Workers: concurrency, For: d}.Run(ctx)
	if err != nil {
		return 0, 0, err
	}
	rate = float64(len(made.Latencies)) / made.Elapsed.Seconds()
	if made, err = (load.Short{Port: port, Workers: 1, For: d}).Run(ctx); err != nil {
		return 0, 0, err
	}
	slices.Sort(made.Latencies)
	return rate, micros(stats.Quantile(made.Latencies, 0.50)), nil
}
