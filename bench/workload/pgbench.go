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

func pgbench() Workload {
	return Workload{
		Name: "pgbench", Title: "pgbench -S, 8 clients",
		About:    "One SELECT by primary key in each transaction, 8 connections, two threads, scale 10, everything in memory.",
		Metrics:  []Metric{{Name: "tps", Title: "transactions", Unit: "1/s", Higher: true}},
		Doors:    slices.Concat(plain(), relays(), lanes(), unsought(), tapped()),
		Services: []string{services.Postgres},
		Run:      runPgbench,
	}
}

func runPgbench(ctx context.Context, v *Visit) (Figures, error) {
	path, err := machine.Program("pgbench")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, v.For+30*time.Second)
	defer cancel()
	seconds := max(1, int(math.Round(v.For.Seconds())))
	out, err := machine.Output(ctx, exec.Command(path, "--select-only", "--no-vacuum", "--client", "8", "--jobs", "2",
		"--time", strconv.Itoa(seconds), "--host", "127.0.0.1", "--port", strconv.Itoa(v.Open.Port(services.Postgres)),
		"--username", "postgres", "postgres"))
	if err != nil {
		return nil, err
	}
	tps, err := parse.PgBench(out)
	return Figures{"tps": tps}, err
}
