//go:build linux

package workload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/bench/load"
	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/parse"
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/services"
)

// counted is how many connections are made while system calls are counted.
const counted = 1000

func syscalls() Workload {
	return Workload{
		Name: "syscalls", Title: "System calls of a short connection",
		About: fmt.Sprintf("The calls of all of the relay's threads while %d short connections are made, counted by perf "+
			"trace; by strace where the kernel does not let perf. That slows the relay down several times, so that batches are "+
			"smaller, and what a relay does for each second instead of each connection weighs more.", counted),
		Metrics: []Metric{
			{Name: "concurrent", Title: "8 connections at once", Unit: "calls"},
			{Name: "sequential", Title: "one after the other", Unit: "calls"},
		},
		Doors:    slices.Concat(relays(), []string{"lodoor again"}, lanes(), []string{"lodoor quiet", "lodoor journal off", "lodoor no processes"}),
		Services: []string{services.Echo},
		Run:      runSyscalls,
	}
}

func runSyscalls(ctx context.Context, v *Visit) (Figures, error) {
	// What is done once, at the first connections, is not a connection's.
	if _, err := (load.Short{Port: v.Open.Port(services.Echo), Workers: concurrency, Count: 100}).Run(ctx); err != nil {
		return nil, err
	}
	sequential, err := countWhole(ctx, v, 1)
	if err != nil {
		return nil, err
	}
	concurrent, err := countWhole(ctx, v, concurrency)
	if err != nil {
		return nil, err
	}
	v.Calls = concurrent
	return Figures{"concurrent": sum(concurrent), "sequential": sum(sequential)}, nil
}

func sum(calls map[string]float64) (total float64) {
	for _, n := range calls {
		total += n
	}
	return total
}

// countWhole is countCalls, again when some were missed: perf does not see a thread that a relay makes after it has
// attached, and the second time there is such a thread already.
func countWhole(ctx context.Context, v *Visit, workers int) (each map[string]float64, err error) {
	for range 3 {
		each, err = countCalls(ctx, v, workers)
		if !errors.Is(err, errMissed) {
			break
		}
	}
	return each, err
}

var errMissed = errors.New("not every connection was seen")

// countCalls are the system calls of the relay for one connection, by their names.
func countCalls(ctx context.Context, v *Visit, workers int) (map[string]float64, error) {
	if err := rest(ctx, v); err != nil {
		return nil, err
	}
	table := filepath.Join(v.Dir, "calls."+strconv.Itoa(workers))
	attach, read := strace, parse.Strace
	if perfTraces(ctx) {
		attach, read = perfTrace, func(b string) (map[string]int, error) { return parse.PerfTrace(b), nil }
	}
	tracer, err := attach(ctx, v, table)
	if err != nil {
		return nil, err
	}
	defer tracer.Stop(syscall.SIGINT, 5*time.Second)
	if _, err := (load.Short{Port: v.Open.Port(services.Echo), Workers: workers, Count: counted}).Run(ctx); err != nil {
		return nil, err
	}
	if err := rest(ctx, v); err != nil {
		return nil, err
	}
	tracer.Stop(syscall.SIGINT, 5*time.Second)
	b, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	calls, err := read(string(b))
	if err != nil {
		return nil, err
	}
	if n := calls["connect"]; n < counted && v.Door.Name != peers.Socat {
		return nil, fmt.Errorf("%w: %d calls of connect were counted for %d connections: %s", errMissed, n, counted,
			tracer.Said())
	}
	each := make(map[string]float64, len(calls))
	for name, n := range calls {
		each[name] = float64(n) / counted
	}
	return each, nil
}

// perfTraces says whether perf trace works here: it needs tracefs and the right to use it.
func perfTraces(ctx context.Context) bool {
	path, err := machine.Program("perf")
	if err != nil {
		return false
	}
	said, err := exec.CommandContext(ctx, path, "trace", "-s", "true").CombinedOutput()
	return err == nil && len(parse.PerfTrace(string(said))) > 0
}

// perfTrace attaches perf trace to the relay and waits until it has opened its counters.
func perfTrace(ctx context.Context, v *Visit, table string) (*machine.Child, error) {
	path, err := machine.Program("perf")
	if err != nil {
		return nil, err
	}
	relay, err := v.Open.Relay()
	if err != nil {
		return nil, err
	}
	pids := make([]string, len(relay))
	for i, pid := range relay {
		pids[i] = strconv.Itoa(pid)
	}
	tracer, err := machine.Start(exec.Command(path, "trace", "-s", "-o", table, "-p", strings.Join(pids, ",")), table+".output")
	if err != nil {
		return nil, err
	}
	last, since := 0, time.Now()
	err = tracer.Until(ctx, "perf to attach", 10*time.Second, func() (bool, error) {
		if n := machine.Descriptors(tracer.PID(), "[perf_event]"); n != last {
			last, since = n, time.Now()
		}
		return last > 0 && time.Since(since) > time.Second, nil
	})
	if err != nil {
		tracer.Stop(syscall.SIGINT, time.Second)
		return nil, err
	}
	return tracer, nil
}

// strace attaches strace to the relay and waits until it holds every process.
func strace(ctx context.Context, v *Visit, table string) (*machine.Child, error) {
	path, err := machine.Program("strace")
	if err != nil {
		return nil, err
	}
	relay, err := v.Open.Relay()
	if err != nil {
		return nil, err
	}
	args := []string{"-c", "-f", "-o", table}
	for _, pid := range relay {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	tracer, err := machine.Start(exec.Command(path, args...), table+".output")
	if err != nil {
		return nil, err
	}
	err = tracer.Until(ctx, "strace to attach", 10*time.Second, func() (bool, error) {
		return strings.Count(tracer.Said(), " attached") >= len(relay), nil
	})
	if err != nil {
		tracer.Stop(syscall.SIGINT, time.Second)
		return nil, err
	}
	return tracer, nil
}

// rest waits until the service has no connection and the relay has used no processor time for a while.
func rest(ctx context.Context, v *Visit) error {
	const quiet, within = 100 * time.Millisecond, 15 * time.Second
	relay, err := v.Open.Relay()
	if err != nil {
		return err
	}
	last, since := int64(-1), time.Now()
	for began := time.Now(); time.Since(began) < within; {
		ticks := machine.CPUTicks(relay)
		if v.Services.Echo.Open() > 0 || ticks != last {
			last, since = ticks, time.Now()
		}
		if time.Since(since) >= quiet {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("%s does not come to rest within %v", v.Door.Name, within)
}
