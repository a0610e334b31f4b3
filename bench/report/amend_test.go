//go:build linux

package report

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/workload"
)

func TestAmend(t *testing.T) {
	run := func(door string, names ...string) *Results {
		r := &Results{
			Rounds: 10, Doors: []Door{{Name: peers.Lodoor}, {Name: door}}, Configurations: map[string]string{door: "of " + door},
		}
		for _, name := range names {
			r.Workloads = append(r.Workloads, workload.Workload{Name: name, Title: name, Metrics: []workload.Metric{{Name: "rate"}}, Doors: []string{door}})
		}
		return r
	}
	dir := t.TempDir()
	first := run("a", "bulk", "idle", "start")
	add(first, "bulk", "rate", "a", 1, 2, 3)
	add(first, "idle", "rate", "a", 4)
	first.Failures = []Trouble{{Workload: "idle", Door: "a", Round: 2, Why: "failed"}, {Workload: "start", Door: "a", Round: 2, Why: "failed"}}
	if err := first.Write(dir); err != nil {
		t.Fatal(err)
	}
	for range 2 { // amended once more it is said once
		again := run("b", "idle")
		if err := again.Amend(dir); err != nil {
			t.Fatal(err)
		}
		add(again, "idle", "rate", "b", 5, 6)
		if err := again.Write(dir); err != nil {
			t.Fatal(err)
		}
		if a, b, idle := again.Values("bulk", "rate", "a"), again.Values("idle", "rate", "b"), again.Values("idle", "rate", "a"); !slices.Equal(a, []float64{1, 2, 3}) || !slices.Equal(b, []float64{5, 6}) || idle != nil {
			t.Errorf("the rounds are %v, %v and %v", a, b, idle)
		}
		if len(again.Failures) != 1 || again.Failures[0].Workload != "start" {
			t.Errorf("failures: %v", again.Failures)
		}
		if len(again.Workloads) != 3 || again.Workloads[1].Doors[0] != "b" || len(again.Doors) != 3 || again.Configurations["b"] == "" {
			t.Errorf("workloads %v, doors %v, configurations %v", again.Workloads, again.Doors, again.Configurations)
		}
		if text := again.Markdown(); strings.Count(text, "Measured afterwards, apart from the others: idle.") != 1 {
			t.Errorf("it is not said once:\n%s", text)
		}
	}
	for _, text := range []string{"", "{", "{}", `{"rounds": 10}`} {
		dir := t.TempDir()
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "results.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := run("b", "idle").Amend(dir); err == nil || !strings.Contains(err.Error(), "results.json") {
			t.Errorf("results %q: %v", text, err)
		}
	}
}
