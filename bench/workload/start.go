//go:build linux

package workload

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/bench/services"
)

// starts are how often a door is started in one visit; the median counts.
const starts = 5

func start() Workload {
	return Workload{
		Name: "start", Title: "Start to first accept",
		About: "From before fork and exec until a connection to the front succeeds, tried without a pause: the median of " +
			strconv.Itoa(starts) + " starts.",
		Metrics:  []Metric{{Name: "time", Title: "time", Unit: "ms"}},
		Doors:    slices.Concat(relays(), []string{"lodoor again", "lodoor rules 10000", "lodoor when 5000"}),
		Services: []string{services.Echo},
		Cold:     true,
		Run:      runStart,
	}
}

func runStart(ctx context.Context, v *Visit) (Figures, error) {
	times := make([]float64, starts)
	for i := range times {
		dir := filepath.Join(v.Dir, strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			return nil, err
		}
		d, err := startOnce(ctx, v, dir)
		if err != nil {
			return nil, err
		}
		times[i] = d.Seconds() * 1e3
	}
	slices.Sort(times)
	return Figures{"time": times[starts/2]}, nil
}

func startOnce(ctx context.Context, v *Visit, dir string) (time.Duration, error) {
	const within = 20 * time.Second
	began := time.Now()
	open, err := v.Opener.Start(v.Door, dir)
	if err != nil {
		return 0, err
	}
	defer open.Close()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(open.Port(services.Echo)))
	for time.Since(began) < within {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			took := time.Since(began)
			return took, conn.Close()
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		time.Sleep(100 * time.Microsecond)
	}
	return 0, fmt.Errorf("%s did not accept within %v", v.Door.Name, within)
}
