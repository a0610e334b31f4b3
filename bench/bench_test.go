//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/report"
	"github.com/lodoor/lodoor/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ownTemp makes temporary files go into a folder of the test, which must be empty at the end.
func ownTemp(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
			t.Errorf("files are left: %v, %v", left, err)
		}
	})
}

// TestSmoke measures short connections, direct and through lodoor, and reads what it wrote.
func TestSmoke(t *testing.T) {
	ownTemp(t)
	out := t.TempDir()
	var log strings.Builder
	err := run(t.Context(), []string{
		"-only", "sequential", "-doors", "direct,direct again,lodoor", "-rounds", "2", "-seconds", "0.1",
		"-lodoor", testkit.Binary(t), "-out", out,
	}, &log, &log)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	b, err := os.ReadFile(filepath.Join(out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Rounds   int
		Series   []report.Series
		Failures []report.Trouble
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	if r.Rounds != 2 || len(r.Series) != 6 || len(r.Failures) > 0 {
		t.Errorf("%d rounds, %d series, failures %v", r.Rounds, len(r.Series), r.Failures)
	}
	for _, s := range r.Series {
		if s.Summary.Rounds != 2 || s.Summary.Min <= 0 {
			t.Errorf("%s of %s: %+v", s.Metric, s.Door, s.Summary)
		}
	}
}

// TestInterrupt ends a run that would go on for hours: it comes back soon, with nothing left.
func TestInterrupt(t *testing.T) {
	ownTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started := &until{text: "1/1000", then: cancel}
	err := run(ctx, []string{
		"-only", "sequential", "-doors", "lodoor", "-rounds", "1000", "-seconds", "10", "-seconds", "0.05",
		"-lodoor", testkit.Binary(t), "-out", t.TempDir(),
	}, started, started)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// until calls then when a text is written to it.
type until struct {
	text string
	then func()
}

func (u *until) Write(b []byte) (int, error) {
	if strings.Contains(string(b), u.text) {
		u.then()
	}
	return len(b), nil
}

func TestOptions(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"-rounds 0", "-rounds"}, {"-seconds 0", "-seconds"}, {"-idle 20000", "-idle"}, {"more", `"more"`},
		{"-only nothing", `workload "nothing"`}, {"-doors window", `door "window"`},
		{"-only idle -doors direct", "none of these workloads"},
	} {
		var said strings.Builder
		err := run(t.Context(), strings.Fields(tc.args), &said, &said)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.args, err)
		}
	}
	o, err := parseOptions([]string{"-seconds", "0.5"}, &strings.Builder{})
	if err != nil || o.duration() != 500*time.Millisecond || o.rounds != 10 {
		t.Errorf("%+v, %v", o, err)
	}
	var listed strings.Builder
	if err := run(t.Context(), []string{"-list"}, &listed, &listed); err != nil || !strings.Contains(listed.String(), "haproxy splice") {
		t.Errorf("%v: %s", err, listed.String())
	}
}

// TestPlan holds every workload to doors that exist, and the choice of doors to what was asked for.
func TestPlan(t *testing.T) {
	all, err := newPlan(options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range all.workloads {
		for _, name := range w.Doors {
			if _, ok := all.doors[name]; !ok {
				t.Errorf("%s visits %q, which is no door", w.Name, name)
			}
		}
	}
	if len(all.names) != len(peers.All()) {
		t.Errorf("of %d doors %v are visited", len(peers.All()), all.names)
	}
	some, err := newPlan(options{only: "short, idle", doors: "direct,lodoor,socat"})
	if err != nil {
		t.Fatal(err)
	}
	if got := some.workloads[0].Doors; !slices.Equal(got, []string{"direct", "lodoor", "socat"}) {
		t.Errorf("short visits %v", got)
	}
	if got := some.workloads[1].Doors; !slices.Equal(got, []string{"lodoor", "socat"}) {
		t.Errorf("idle visits %v", got)
	}
	if got := some.services(); !slices.Equal(got, []string{"echo"}) {
		t.Errorf("services %v", got)
	}
}

func TestOrder(t *testing.T) {
	doors := []string{"a", "b", "c", "d", "e", "f"}
	first := map[string]bool{}
	for round := range 40 {
		o := order(doors, 1, round)
		if !slices.Equal(o, order(doors, 1, round)) {
			t.Fatalf("round %d has two orders", round)
		}
		if sorted := slices.Sorted(slices.Values(o)); !slices.Equal(sorted, doors) {
			t.Fatalf("round %d visits %v", round, o)
		}
		first[o[0]] = true
	}
	if len(first) != len(doors) {
		t.Errorf("only %v ever come first", first)
	}
}

func TestVersionLine(t *testing.T) {
	for said, want := range map[string]string{
		"nginx version: nginx/1.22.1\n":                                "nginx version: nginx/1.22.1",
		"socat by Gerhard Rieger\nsocat version 1.7.4.4\n   running\n": "socat version 1.7.4.4",
		"lodoor devel\n": "lodoor devel", "": "",
	} {
		if got := versionLine(said); got != want {
			t.Errorf("%q: %q", said, got)
		}
	}
}
