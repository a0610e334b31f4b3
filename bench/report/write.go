//go:build linux

package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Write finishes the results and writes RESULTS.md, results.json and plots/ in the folder dir; other plots there are
// removed.
func (r *Results) Write(dir string) error {
	r.Finish()
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	plots := filepath.Join(dir, "plots")
	old, err := filepath.Glob(filepath.Join(plots, "*.svg"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(plots, 0o755); err != nil { //nolint:gosec // for everybody to read
		return err
	}
	files := map[string]string{"RESULTS.md": r.Markdown(), "results.json": string(b) + "\n"}
	for name, text := range r.Plots() {
		files[filepath.Join("plots", name)] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("write the results: %w", err)
		}
	}
	return nil
}
