//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/workload"
)

// options are the command line.
type options struct {
	only, doors, leaveOut string
	rounds                int
	seconds               float64
	seed                  uint64
	idle                  int
	out, lodoor           string
	list, amend           bool
}

// mostIdle is how many idle sessions leave room for short connections beside them.
const mostIdle = 9000

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&o.only, "only", "", "the `workloads`, parted by commas; all without it")
	set.StringVar(&o.doors, "doors", "", "the `doors`, parted by commas; those of each workload without it")
	set.StringVar(&o.leaveOut, "leave-out", "", "`doors` that no workload visits, parted by commas")
	set.IntVar(&o.rounds, "rounds", 10, "how often each workload visits each door")
	set.Float64Var(&o.seconds, "seconds", 2, "how long one load lasts; iperf3 and pgbench know whole seconds")
	set.Uint64Var(&o.seed, "seed", 1, "of the order of doors in each round")
	set.IntVar(&o.idle, "idle", mostIdle, "how many idle sessions are many")
	set.StringVar(&o.out, "out", "bench", "the `folder` for RESULTS.md, results.json and plots/")
	set.StringVar(&o.lodoor, "lodoor", "", "the `program` to measure; built from this checkout without it")
	set.BoolVar(&o.amend, "amend", false, "keep from the results in the folder of -out what is not measured now")
	set.BoolVar(&o.list, "list", false, "list workloads and doors, and do nothing")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	switch {
	case set.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q", set.Arg(0))
	case o.rounds < 1:
		return o, errors.New("-rounds must be at least 1")
	case o.seconds <= 0:
		return o, errors.New("-seconds must be more than 0")
	case o.idle < 1 || o.idle > mostIdle:
		return o, fmt.Errorf("-idle must be from 1 to %d", mostIdle)
	}
	return o, nil
}

// duration is how long one load lasts.
func (o options) duration() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// list says what there is to choose from.
func list(w io.Writer) {
	fmt.Fprintln(w, "workloads:")
	for _, l := range workload.All() {
		fmt.Fprintf(w, "  %-14s %s\n                 doors: %s\n", l.Name, l.Title, strings.Join(l.Doors, ", "))
	}
	fmt.Fprintln(w, "doors:")
	for _, d := range peers.All() {
		fmt.Fprintf(w, "  %-20s %s\n", d.Name, d.About)
	}
}
