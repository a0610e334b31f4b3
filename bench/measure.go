//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/report"
	"github.com/lodoor/lodoor/bench/services"
	"github.com/lodoor/lodoor/bench/workload"
)

// session is one run of the benchmark.
type session struct {
	options
	plan
	dir     string // of all files that do not stay
	opener  peers.Opener
	running *services.Set
	results *report.Results
	skipped map[string]bool // doors that cannot be opened here
	log     io.Writer
}

// measure visits every door of every workload in every round, and writes the results after each of them.
func measure(ctx context.Context, o options, p plan, log io.Writer) (err error) {
	if _, err := machine.RaiseFiles(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lodoor-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the database's user has to pass
		return err
	}
	s := &session{options: o, plan: p, dir: dir, skipped: make(map[string]bool), log: log}
	if s.opener.Lodoor, err = lodoorProgram(ctx, o.lodoor, dir); err != nil {
		return err
	}
	if s.results, err = s.describe(ctx); err != nil {
		return err
	}
	if o.amend {
		if err := s.results.Amend(o.out); err != nil {
			return err
		}
	}
	fmt.Fprintf(log, "starting %s\n", strings.Join(p.services(), ", "))
	if s.running, err = services.Start(ctx, dir, p.services()...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.running.Close()) }()
	for _, name := range slices.Sorted(maps.Keys(s.running.Ports)) {
		s.opener.Backends = append(s.opener.Backends, peers.Service{Name: name, Backend: s.running.Ports[name]})
	}
	s.missing()
	for round := 1; round <= o.rounds; round++ {
		if err := s.round(ctx, round); err != nil {
			return err
		}
		if !o.amend {
			s.results.Rounds = round
		}
		if err := s.results.Write(o.out); err != nil {
			return err
		}
	}
	fmt.Fprintf(log, "written to %s\n", filepath.Join(o.out, "RESULTS.md"))
	return nil
}

// missing leaves out the doors whose programs are not there.
func (s *session) missing() {
	for _, name := range s.names {
		program := s.plan.doors[name].Program()
		if program == "" || program == peers.Lodoor {
			continue
		}
		if _, err := machine.Program(program); err != nil {
			s.skip(name, err)
		}
	}
}

func (s *session) skip(door string, why error) {
	s.skipped[door] = true
	s.results.Skipped = append(s.results.Skipped, report.Trouble{Workload: "all", Door: door, Why: s.clean(why)})
	fmt.Fprintf(s.log, "left out: %s: %v\n", door, why)
}

// clean is what an error says, without the folder of this run.
func (s *session) clean(err error) string { return strings.ReplaceAll(err.Error(), s.dir, "DIR") }

func (s *session) round(ctx context.Context, round int) error {
	for _, w := range s.workloads {
		for _, name := range order(w.Doors, s.seed, round) {
			if s.skipped[name] {
				continue
			}
			figures, err := s.visit(ctx, w, s.plan.doors[name])
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.Is(err, peers.ErrRefused):
				s.skip(name, err)
			case err != nil:
				s.results.Failures = append(s.results.Failures,
					report.Trouble{Workload: w.Name, Door: name, Round: round, Why: s.clean(err)})
				fmt.Fprintf(s.log, "%d/%d %s, %s: failed: %v\n", round, s.rounds, w.Name, name, err)
			default:
				s.results.Add(w.Name, name, figures)
				fmt.Fprintf(s.log, "%d/%d %s, %s: %s\n", round, s.rounds, w.Name, name, shown(w, figures))
			}
		}
	}
	return nil
}

// visit opens a door, puts a load on it and closes it. Nothing of it stays.
func (s *session) visit(ctx context.Context, w workload.Workload, d peers.Door) (figures workload.Figures, err error) {
	dir, err := os.MkdirTemp(s.dir, "visit-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	v := &workload.Visit{Services: s.running, Opener: s.opener, Door: d, Dir: dir, For: s.duration(), Idle: s.idle}
	if !w.Cold {
		if v.Open, err = s.opener.Open(ctx, d, dir); err != nil {
			return nil, err
		}
		defer v.Open.Close()
	}
	figures, err = w.Run(ctx, v)
	if v.Calls != nil {
		s.results.Calls[d.Name] = v.Calls
	}
	return figures, err
}

func shown(w workload.Workload, figures workload.Figures) string {
	var parts []string
	for _, m := range w.Metrics {
		if figure, measured := figures[m.Name]; measured {
			parts = append(parts, fmt.Sprintf("%s %.4g %s", m.Name, figure, m.Unit))
		}
	}
	return strings.Join(parts, ", ")
}
