//go:build linux

package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/stats"
	"github.com/lodoor/lodoor/bench/workload"
)

// Markdown is the report for people. Results have been finished before.
func (r *Results) Markdown() string {
	var b strings.Builder
	r.head(&b)
	r.targets(&b)
	for _, w := range r.Workloads {
		r.workload(&b, w)
	}
	r.calls(&b)
	troubles(&b, "Left out", r.Skipped)
	troubles(&b, "Failed", r.Failures)
	r.doors(&b)
	return b.String()
}

func (r *Results) head(b *strings.Builder) {
	fmt.Fprintf(b, `# Results of the benchmark

Written by `+"`make bench`"+`; [README.md](README.md) says what is measured, and how. The figures of all rounds are in
[results.json](results.json).

Rounds: %d, interleaved; %s s for each load; seed %d. Before the run %s of the processors were busy with something else.%s

| | |
|---|---|
| kernel | %s |
| processor | %s, %d cores |
| TCP congestion control | %s |
| harness | %s |
`, r.Rounds, number(r.Seconds), r.Seed, percent(r.Loaded), r.apart(), r.Machine.Kernel, r.Machine.CPU, r.Machine.Cores,
		r.Machine.Congestion, r.Machine.Go)
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		fmt.Fprintf(b, "| %s | %s |\n", name, r.Versions[name])
	}
}

func (r *Results) apart() string {
	if len(r.Apart) == 0 {
		return ""
	}
	return "\nMeasured afterwards, apart from the others: " + strings.Join(r.Apart, ", ") + "."
}

func (r *Results) targets(b *strings.Builder) {
	b.WriteString("\n## Targets\n\nRatios of medians of lodoor's default. The spread is that of the A/A control.\n\n" +
		"| | target | value | spread | verdict | |\n|---|---|---|---|---|---|\n")
	for _, l := range r.Targets {
		bound := "≤ "
		if l.Target.AtLeast {
			bound = "≥ "
		}
		value := factor(float64(l.Value))
		if l.Unit != ratioUnit && l.Verdict != stats.Unknown {
			value = number(float64(l.Value)) + " " + l.Unit
		}
		fmt.Fprintf(b, "| %s | %s%s %s | %s | %s | **%s** | %s |\n", l.What, bound, number(l.Target.Value), l.Unit, value,
			percent(float64(l.Spread)), l.Verdict, l.Note)
	}
}

func (r *Results) workload(b *strings.Builder, w workload.Workload) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", w.Title, w.About)
	for _, m := range w.Metrics {
		r.metric(b, w, m)
	}
}

// bases are the doors that each door is compared with.
func bases() []string { return []string{peers.Direct, peers.HAProxy, peers.Nginx} }

func (r *Results) metric(b *strings.Builder, w workload.Workload, m workload.Metric) {
	better := "lower"
	if m.Higher {
		better = "higher"
	}
	spread := r.Spread(w.Name, m.Name)
	fmt.Fprintf(b, "\n**%s**, %s, %s is better. A/A spread: %s.\n\n![%s](plots/%s)\n\n", m.Title, m.Unit, better,
		percent(spread), m.Title, plotName(w, m))
	b.WriteString("| door | median | MAD | min to max | to " + strings.Join(bases(), " | to ") + " |\n|---|---|---|---|---|---|---|\n")
	for _, s := range r.of(w, m) {
		fmt.Fprintf(b, "| %s | %s | %s | %s to %s |", s.Door, number(s.Summary.Median), number(s.Summary.MAD),
			number(s.Summary.Min), number(s.Summary.Max))
		for _, base := range bases() {
			b.WriteString(" " + r.comparison(s, base, spread) + " |")
		}
		b.WriteString("\n")
	}
}

// of are the series of a figure in the order of the doors.
func (r *Results) of(w workload.Workload, m workload.Metric) []Series {
	var all []Series
	for _, d := range r.Doors {
		for _, s := range r.Series {
			if s.Workload == w.Name && s.Metric == m.Name && s.Door == d.Name {
				all = append(all, s)
			}
		}
	}
	return all
}

// comparison is the ratio to another door, or that there is no difference which could be told from chance.
func (r *Results) comparison(s Series, base string, spread float64) string {
	ratio := stats.Ratio(s.Values, r.Values(s.Workload, s.Metric, base))
	switch {
	case s.Door == base || math.IsNaN(ratio):
		return ""
	case math.IsNaN(spread):
		return factor(ratio) + " (no control)"
	case !stats.Differs(ratio, spread):
		return "no difference (" + factor(ratio) + ")"
	}
	return factor(ratio)
}

func (r *Results) calls(b *strings.Builder) {
	if len(r.Calls) == 0 {
		return
	}
	b.WriteString("\n## System calls by name\n\nOf one short connection, 8 at once, in the last round.\n\n")
	for _, d := range r.Doors {
		calls := r.Calls[d.Name]
		if len(calls) == 0 {
			continue
		}
		names := slices.SortedFunc(maps.Keys(calls), func(x, y string) int {
			if calls[x] != calls[y] {
				return int(math.Copysign(1, calls[y]-calls[x]))
			}
			return strings.Compare(x, y)
		})
		var parts []string
		for _, name := range names {
			if calls[name] >= 0.01 {
				parts = append(parts, fmt.Sprintf("%s %.2f", name, calls[name]))
			}
		}
		fmt.Fprintf(b, "- %s: %s\n", d.Name, strings.Join(parts, ", "))
	}
}

func troubles(b *strings.Builder, title string, list []Trouble) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| workload | door | round | why |\n|---|---|---|---|\n", title)
	for _, t := range list {
		round := ""
		if t.Round > 0 {
			round = fmt.Sprint(t.Round)
		}
		why := strings.NewReplacer("|", "\\|", "\n", " ").Replace(t.Why)
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", t.Workload, t.Door, round, why)
	}
}

func (r *Results) doors(b *strings.Builder) {
	b.WriteString("\n## Doors and their configurations\n")
	for _, d := range r.Doors {
		fmt.Fprintf(b, "\n**%s**: %s.\n", d.Name, strings.TrimSuffix(d.About, "."))
		if text := r.Configurations[d.Name]; text != "" {
			fmt.Fprintf(b, "\n```\n%s\n```\n", strings.TrimSpace(text))
		}
	}
}
