//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/report"
	"github.com/lodoor/lodoor/bench/services"
)

// lodoorProgram is the program to measure: the one that was named, or one that is built as releases are.
func lodoorProgram(ctx context.Context, named, dir string) (string, error) {
	if named != "" {
		return filepath.Abs(named)
	}
	path := filepath.Join(dir, "lodoor")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/lodoor/lodoor/cmd/lodoor")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := machine.Output(ctx, cmd); err != nil {
		return "", fmt.Errorf("build lodoor: %w", err)
	}
	return path, nil
}

// describe says with what and how is measured, before anything is.
func (s *session) describe(ctx context.Context) (*report.Results, error) {
	program, err := os.Stat(s.opener.Lodoor)
	if err != nil {
		return nil, err
	}
	loaded, err := busyNow(ctx)
	if err != nil {
		return nil, err
	}
	r := &report.Results{
		Machine: machine.Describe(), Versions: s.versions(ctx), Binary: program.Size(), Seconds: s.seconds, Seed: s.seed,
		Sessions: s.idle, Loaded: loaded, Workloads: s.workloads, Configurations: make(map[string]string),
		Calls: make(map[string]map[string]float64),
	}
	for _, name := range s.names {
		d := s.plan.doors[name]
		r.Doors = append(r.Doors, report.Door{Name: name, About: d.About})
		if r.Configurations[name], err = d.Shown(exampleServices(s.services())); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// exampleServices have ports as a reader expects them; in a run they are any that are free.
func exampleServices(names []string) []peers.Service {
	usual := map[string]int{services.Redis: 6379, services.Postgres: 5432, services.Iperf3: 5201, services.Echo: 7}
	var shown []peers.Service
	for _, name := range names {
		shown = append(shown, peers.Service{Name: name, Front: 20000 + usual[name], Backend: usual[name]})
	}
	return shown
}

// busyNow is the share of the processors that is busy while nothing is measured.
func busyNow(ctx context.Context) (float64, error) {
	before, err := machine.Busy()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(500 * time.Millisecond):
	}
	after, err := machine.Busy()
	return (after - before).Seconds() / time.Since(began).Seconds() / float64(runtime.NumCPU()), err
}

// versions are the first telling lines of what each program says of itself; those that are not there are left out.
func (s *session) versions(ctx context.Context) map[string]string {
	versions := make(map[string]string)
	for _, program := range [][2]string{
		{"haproxy", "-v"}, {"nginx", "-v"}, {"socat", "-V"}, {"rinetd", "-v"}, {"iperf3", "--version"},
		{"redis-server", "--version"}, {"postgres", "--version"}, {"strace", "-V"},
	} {
		path, err := machine.Program(program[0])
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, program[1]).CombinedOutput()
		if err == nil {
			versions[program[0]] = versionLine(string(out))
		}
	}
	if out, err := exec.CommandContext(ctx, s.opener.Lodoor, "version").Output(); err == nil {
		versions[peers.Lodoor] = versionLine(string(out))
	}
	return versions
}

// versionLine is the first line with a digit: socat's first has none. iperf3's second names the machine.
func versionLine(said string) string {
	for line := range strings.Lines(said) {
		if strings.ContainsAny(line, "0123456789") {
			return strings.TrimSpace(line)
		}
	}
	first, _, _ := strings.Cut(said, "\n")
	return strings.TrimSpace(first)
}
