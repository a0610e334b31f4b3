//go:build linux

package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/lodoor/lodoor/bench/workload"
)

// Amend takes over from the results in dir what is not measured now. They go on saying what was measured apart: at
// another hour the machine is another one.
func (r *Results) Amend(dir string) error {
	path := filepath.Join(dir, "results.json")
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the results to amend: %w; measure without -amend first, or name their folder with -out", err)
	}
	var old Results
	if err := json.Unmarshal(b, &old); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if old.Rounds == 0 || old.Configurations == nil {
		return fmt.Errorf("%s has no rounds and configurations of a run; measure without -amend first", path)
	}
	for _, w := range r.Workloads {
		old.forget(w.Name)
		old.Apart = append(old.Apart, w.Name)
		old.Workloads = replaced(old.Workloads, w, func(w workload.Workload) string { return w.Name })
	}
	for _, d := range r.Doors {
		old.Doors = replaced(old.Doors, d, func(d Door) string { return d.Name })
		old.Configurations[d.Name] = r.Configurations[d.Name]
	}
	*r = old
	return nil
}

// forget drops what a workload has measured.
func (r *Results) forget(w string) {
	r.Series = slices.DeleteFunc(r.Series, func(s Series) bool { return s.Workload == w })
	r.Failures = slices.DeleteFunc(r.Failures, func(t Trouble) bool { return t.Workload == w })
	r.Apart = slices.DeleteFunc(r.Apart, func(name string) bool { return name == w })
}

// replaced is list with one in the place of its namesake, or at the end.
func replaced[T any](list []T, one T, name func(T) string) []T {
	if i := slices.IndexFunc(list, func(t T) bool { return name(t) == name(one) }); i >= 0 {
		list[i] = one
		return list
	}
	return append(list, one)
}
