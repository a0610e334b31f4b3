//go:build linux

package workload

import (
	"context"
	"math"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/parse"
	"github.com/lodoor/lodoor/bench/services"
)

const gigabyte = 1e9

func bulk() Workload {
	return Workload{
		Name: "bulk", Title: "Bulk, one stream",
		About: "iperf3 sends as much as it can over one connection, from client to server. The CPU time is that of the whole " +
			"machine, client and server and softirq included.",
		Metrics: []Metric{
			{Name: "rate", Title: "throughput", Unit: "GB/s", Higher: true},
			{Name: "cpu", Title: "CPU of the whole machine", Unit: "s/GB"},
		},
		Doors:    slices.Concat(plain(), relays(), lanes(), unsought(), tapped()),
		Services: []string{services.Iperf3},
		Run:      runBulk,
	}
}

func runBulk(ctx context.Context, v *Visit) (Figures, error) {
	before, err := machine.Busy()
	if err != nil {
		return nil, err
	}
	moved, err := iperf3(ctx, v, v.For)
	if err != nil {
		return nil, err
	}
	after, err := machine.Busy()
	if err != nil {
		return nil, err
	}
	return Figures{
		"rate": moved.BytesPerSecond / gigabyte,
		"cpu":  (after - before).Seconds() / (moved.Bytes / gigabyte),
	}, nil
}

// iperf3 runs a client for d, which it takes in whole seconds, against the service behind the door.
func iperf3(ctx context.Context, v *Visit, d time.Duration, more ...string) (parse.Bulk, error) {
	path, err := machine.Program("iperf3")
	if err != nil {
		return parse.Bulk{}, err
	}
	seconds := max(1, int(math.Round(d.Seconds())))
	args := append([]string{"--client", "127.0.0.1", "--port", strconv.Itoa(v.Open.Port(services.Iperf3)), "--json",
		"--time", strconv.Itoa(seconds)}, more...)
	// A client that hangs is a failed visit, and not the end of the run.
	ctx, cancel := context.WithTimeout(ctx, d+30*time.Second)
	defer cancel()
	out, err := machine.Output(ctx, exec.Command(path, args...))
	if err != nil {
		return parse.Bulk{}, err
	}
	return parse.Iperf3([]byte(out))
}
