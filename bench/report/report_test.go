//go:build linux

package report

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/stats"
	"github.com/lodoor/lodoor/bench/workload"
)

// add adds the rounds of one figure.
func add(r *Results, w, metric, door string, values ...float64) {
	for _, v := range values {
		r.Add(w, door, workload.Figures{metric: v})
	}
}

// verdict is what became of the one target that is called so.
func verdict(t *testing.T, r *Results, what string) Line {
	t.Helper()
	for _, l := range r.judge() {
		if l.What == what {
			return l
		}
	}
	t.Fatalf("there is no target %q", what)
	return Line{}
}

func TestTargets(t *testing.T) {
	r := &Results{Binary: 21e6}
	steady := func(w, metric string) {
		add(r, w, metric, peers.Direct, 10, 10, 10)
		add(r, w, metric, peers.Control, 10, 10.2, 10.2) // a spread of 2 %
	}
	steady("bulk", "rate")
	add(r, "bulk", "rate", peers.HAProxy, 2, 2, 2)
	add(r, "bulk", "rate", peers.Spliced, 2.42, 2.42, 2.42)
	add(r, "bulk", "rate", peers.Lodoor, 3, 3, 3)
	steady("redis50", "rate")
	add(r, "redis50", "rate", peers.HAProxy, 5, 5)
	add(r, "redis50", "rate", peers.Rinetd, 7, 7)
	add(r, "redis50", "rate", peers.Lodoor, 6.9, 6.9)
	steady("redis1", "p50")
	add(r, "redis1", "p50", peers.HAProxy, 40)
	add(r, "redis1", "p50", peers.Lodoor, 39)
	add(r, "syscalls", "concurrent", peers.Lodoor, 23, 23)
	add(r, "syscalls", "concurrent", "lodoor again", 23, 23)
	add(r, "syscalls", "sequential", peers.Lodoor, 40)
	add(r, "beside-bulk", "p999", peers.HAProxy, 100)
	add(r, "beside-bulk", "rate", peers.HAProxy, 1.9)
	add(r, "beside-bulk", "p999", peers.Nginx, 300)
	add(r, "beside-bulk", "rate", peers.Nginx, 2.1)
	add(r, "beside-bulk", "p999", peers.Lodoor, 200)
	steady("sessions", "rate_10")
	steady("sessions", "rate_1000")
	steady("sessions", "rate_9000")
	add(r, "sessions", "rate_10", peers.Lodoor, 100)
	add(r, "sessions", "rate_1000", peers.Lodoor, 99)
	add(r, "sessions", "rate_9000", peers.Lodoor, 50)
	add(r, "rules", "p50", "lodoor when 1", 100)
	add(r, "rules", "p50", "lodoor when 5000", 100+4999*0.05)
	for _, tc := range []struct {
		what  string
		value float64
		want  stats.Verdict
	}{
		{"bulk throughput to HAProxy", 1.5, stats.Met},
		{"bulk throughput to HAProxy with splicing forced", 3 / 2.42, stats.BarelyMissed},
		{"bulk CPU per GB to HAProxy", math.NaN(), stats.Unknown},
		{"Redis, 50 clients, to the best peer", 6.9 / 7, stats.BarelyMissed},
		{"Redis, 1 client, p50 to HAProxy", 39.0 / 40, stats.NotMet},
		{"system calls of a short connection, 8 at once", 23, stats.Met},
		{"system calls of a short connection, one after the other", 40, stats.NotMet},
		{"p99.9 beside unlimited streams to the best peer that moves 2 GB/s", 200.0 / 300, stats.Met},
		{"size of the program", 21, stats.Met},
		{"short connections, rate, with 1000 idle sessions to 10", 0.99, stats.Met},
		{"short connections, rate, with 9000 idle sessions to 10", 0.5, stats.NotMet},
		{"a rule with when, by the p50 of one connection after the other", 50, stats.Met},
	} {
		t.Run(tc.what, func(t *testing.T) {
			l := verdict(t, r, tc.what)
			if got := float64(l.Value); l.Verdict != tc.want || math.Abs(got-tc.value) > 1e-9 || math.IsNaN(got) != math.IsNaN(tc.value) {
				t.Errorf("got %v, %s; want %v, %s", got, l.Verdict, tc.value, tc.want)
			}
		})
	}
}

func TestSearches(t *testing.T) {
	const latency, cpu = "added p50 at accept with 300 processes", "CPU of the search in a storm"
	for _, tc := range []struct {
		name               string
		with, again, bare  float64 // µs, of p50 and of the processor time of a connection
		latency, cpu       float64 // µs; % of a processor at 4,000 connections a second
		latencyIs, stormIs stats.Verdict
	}{
		{"little", 110, 110, 100, 10, 4, stats.Met, stats.Met},
		{"nothing", 100, 100, 102, -2, -0.8, stats.Met, stats.Met},
		{"much", 200, 200, 100, 100, 40, stats.NotMet, stats.NotMet},
		{"more than allowed, by less than the spread", 150, 195, 100, 50, 20, stats.BarelyMissed, stats.BarelyMissed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &Results{}
			for door, v := range map[string]float64{peers.Lodoor: tc.with, "lodoor again": tc.again, unsearched: tc.bare} {
				add(r, "crowded", "p50", door, v, v)
				add(r, "crowded-storm", "cpu", door, v, v)
				add(r, "crowded-storm", "rate", door, 4000)
			}
			// Another control, that of direct, has nothing to do with the relay.
			add(r, "crowded", "p50", peers.Direct, 10)
			add(r, "crowded", "p50", peers.Control, 1000)
			for what, want := range map[string]struct {
				value float64
				is    stats.Verdict
			}{latency: {tc.latency, tc.latencyIs}, cpu: {tc.cpu, tc.stormIs}} {
				if l := verdict(t, r, what); math.Abs(float64(l.Value)-want.value) > 1e-9 || l.Verdict != want.is {
					t.Errorf("%s: %v, %s; want %v, %s", what, l.Value, l.Verdict, want.value, want.is)
				}
			}
		})
	}
	for _, what := range []string{latency, cpu} {
		if l := verdict(t, &Results{}, what); l.Verdict != stats.Unknown {
			t.Errorf("%s of nothing: %s", what, l.Verdict)
		}
	}
}

// sample are results with everything that a report can show.
func sample() *Results {
	w := workload.Workload{
		Name: "bulk", Title: "Bulk <one> & only", About: "What it does.",
		Metrics: []workload.Metric{{Name: "rate", Title: "throughput", Unit: "GB/s", Higher: true}},
	}
	r := &Results{
		Rounds: 2, Workloads: []workload.Workload{w}, Versions: map[string]string{"haproxy": "2.6"},
		Doors:          []Door{{peers.Direct, "no relay"}, {peers.Control, "again"}, {peers.HAProxy, "tcp"}, {peers.Lodoor, "default"}},
		Skipped:        []Trouble{{Workload: "all", Door: "lodoor x", Why: "refused | so"}},
		Failures:       []Trouble{{Workload: "bulk", Door: peers.Socat, Round: 2, Why: "reset"}},
		Configurations: map[string]string{peers.HAProxy: "global\n\tmaxconn 1\n"},
		Calls:          map[string]map[string]float64{peers.Lodoor: {"read": 3, "write": 5.25, "rare": 0.001}},
	}
	add(r, "bulk", "rate", peers.Direct, 10, 10)
	add(r, "bulk", "rate", peers.Control, 11, 11)
	add(r, "bulk", "rate", peers.HAProxy, 4, 6)
	add(r, "bulk", "rate", peers.Lodoor, 5.1, 5.3)
	return r
}

func TestMarkdown(t *testing.T) {
	r := sample()
	r.Failures = append(r.Failures, Trouble{Workload: "idle", Door: "lodoor", Round: 1, Why: "stuck"})
	r.Finish()
	text := r.Markdown()
	for _, want := range []string{
		"A/A spread: 10.0 %",
		"| direct again | 11 | 0 | 11 to 11 | no difference (1.10) | 2.20 |  |",
		"| lodoor | 5.2 | 0.1 | 5.1 to 5.3 | 0.52 | no difference (1.04) |  |",
		"- lodoor: write 5.25, read 3.00\n",
		"| all | lodoor x |  | refused \\| so |",
		"| bulk | socat | 2 | reset |",
		"```\nglobal\n\tmaxconn 1\n```",
		"![throughput](plots/bulk-rate.svg)",
		"| bulk throughput to HAProxy | ≥ 1.25 × | 1.04 | 10.0 % | **not met** | to haproxy |",
		"| Redis, 1 client, p50 to HAProxy | ≤ 0.9 × | – | – | **not measured** |",
		"| user memory of an idle session | ≤ 0.5 KB | – | – | **not measured** | **failed visits of lodoor: 1** |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "plots", "old.svg")
	if err := os.Mkdir(filepath.Dir(old), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sample().Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old plot: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Series  []Series
		Targets []struct{ Value *float64 }
	}
	if err := json.Unmarshal(b, &back); err != nil || len(back.Series) != 4 || math.Abs(back.Series[3].Summary.Median-5.2) > 1e-9 {
		t.Errorf("%v, %+v", err, back.Series)
	}
	if back.Targets[0].Value == nil || back.Targets[5].Value != nil {
		t.Errorf("a value is missing, or one that was not measured is not null: %+v", back.Targets)
	}
	for _, name := range []string{"RESULTS.md", "plots/bulk-rate.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlot reads a plot back as the XML that it is, and measures its bars.
func TestPlot(t *testing.T) {
	plot := sample()
	plot.Finish()
	text := plot.Plots()["bulk-rate.svg"]
	var widths []string
	var texts strings.Builder
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch x := token.(type) {
		case xml.StartElement:
			for _, a := range x.Attr {
				if x.Name.Local == "rect" && a.Name.Local == "width" {
					widths = append(widths, a.Value)
				}
			}
		case xml.CharData:
			texts.Write(x)
		}
	}
	// The ground, and the bars: the greatest value, 11, takes the 500 pixels between labels and numbers.
	if got, want := strings.Join(widths, " "), "100% 454.5 500.0 227.3 236.4"; got != want {
		t.Errorf("the bars are %s wide, want %s", got, want)
	}
	for _, want := range []string{"Bulk <one> & only: throughput", "GB/s, higher is better", "lodoor", "5.2"} {
		if !strings.Contains(texts.String(), want) {
			t.Errorf("the plot does not say %q", want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", 12.3456: "12.35", 0.00123456: "0.001235", 123456.7: "123457", 99.999: "100", 1.5e-9: "0",
		math.NaN(): "–", math.Inf(1): "–",
	} {
		if got := number(v); got != want {
			t.Errorf("%v is shown as %s, want %s", v, got, want)
		}
	}
}
