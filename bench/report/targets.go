//go:build linux

package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/stats"
)

// Line is one target with what became of it.
type Line struct {
	What   string       `json:"what"`
	Target stats.Target `json:"target"`
	// Unit is × for a ratio.
	Unit    string        `json:"unit"`
	Value   Number        `json:"value"`
	Spread  Number        `json:"spread"`
	Verdict stats.Verdict `json:"verdict"`
	Note    string        `json:"note,omitempty"`
}

// Number is a figure that may be missing: NaN is null in JSON.
type Number float64

// MarshalJSON writes the number, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

const ratioUnit = "×"

func most(v float64) stats.Target  { return stats.Target{Value: v} }
func least(v float64) stats.Target { return stats.Target{AtLeast: true, Value: v} }

// judge compares the results with what lodoor is to reach.
func (r *Results) judge() []Line {
	return slices.Concat([]Line{
		r.against("bulk", "rate", peers.HAProxy, "bulk throughput to HAProxy", least(1.25)),
		r.against("bulk", "rate", peers.Spliced, "bulk throughput to HAProxy with splicing forced", least(1.25)),
		r.against("bulk", "cpu", peers.HAProxy, "bulk CPU per GB to HAProxy", most(0.5)),
		r.against("bulk", "cpu", peers.Spliced, "bulk CPU per GB to HAProxy with splicing forced", most(0.5)),
		r.against("redis50", "rate", r.best("redis50", "rate", true, ""), "Redis, 50 clients, to the best peer", least(1)),
		r.against("redis1", "p50", peers.HAProxy, "Redis, 1 client, p50 to HAProxy", most(0.9)),
		r.against("redis1", "p99", peers.HAProxy, "Redis, 1 client, p99 to HAProxy", most(1)),
		r.against("pgbench", "tps", peers.HAProxy, "pgbench to HAProxy", least(1.1)),
		r.against("short", "rate", peers.Nginx, "short connections to nginx", least(1)),
		r.absolute("syscalls", "concurrent", "system calls of a short connection, 8 at once", "calls", most(24)),
		r.absolute("syscalls", "sequential", "system calls of a short connection, one after the other", "calls", most(24)),
		r.absolute("idle", "memory", "user memory of an idle session", "KB", most(0.5)),
		r.against("beside-bulk", "p999", r.best("beside-bulk", "p999", false, "rate"),
			"p99.9 beside unlimited streams to the best peer that moves 2 GB/s", most(1)),
		r.against("beside-paced", "p999", peers.HAProxy, "p99.9 beside paced streams to HAProxy", most(0.7)),
		r.absolute("start", "time", "start to first accept", "ms", most(30)),
		r.binary(),
	}, r.growth(), r.searches())
}

// against compares lodoor's default with another door.
func (r *Results) against(w, metric, door, what string, target stats.Target) Line {
	ratio := stats.Ratio(r.Values(w, metric, peers.Lodoor), r.Values(w, metric, door))
	line := r.line(what, ratioUnit, target, ratio, r.Spread(w, metric))
	line.Note = "to " + door
	if door == "" {
		line.Note = "no such peer"
		if less := r.best(w, metric, false, ""); less != "" {
			line.Note += fmt.Sprintf("; to %s, which moves less: %.2f", less,
				stats.Ratio(r.Values(w, metric, peers.Lodoor), r.Values(w, metric, less)))
		}
	}
	return r.noted(w, line)
}

// noted says with a line how many visits of its workload failed with lodoor: they are not in the value.
func (r *Results) noted(w string, line Line) Line {
	failed := 0
	for _, f := range r.Failures {
		if f.Workload == w && strings.HasPrefix(f.Door, peers.Lodoor) {
			failed++
		}
	}
	if failed > 0 {
		line.Note = strings.TrimPrefix(fmt.Sprintf("%s; **failed visits of lodoor: %d**", line.Note, failed), "; ")
	}
	return line
}

// absolute compares lodoor's default with a figure.
func (r *Results) absolute(w, metric, what, unit string, target stats.Target) Line {
	return r.noted(w, r.line(what, unit, target, stats.Median(r.Values(w, metric, peers.Lodoor)), r.Spread(w, metric)))
}

func (r *Results) line(what, unit string, target stats.Target, value, spread float64) Line {
	return Line{
		What: what, Unit: unit, Target: target, Value: Number(value), Spread: Number(spread),
		Verdict: target.Judge(value, spread),
	}
}

func (r *Results) binary() Line {
	return r.line("size of the program", "MB", most(40), float64(r.Binary)/1e6, 0)
}

// enough is what a peer has to move, in GB/s, for its latency beside bulk to count.
const enough = 2

// best is the peer with the best median; with the name of a rate, only those count that move enough. Empty when none.
func (r *Results) best(w, metric string, higher bool, rate string) string {
	best, found := math.NaN(), ""
	for _, door := range []string{peers.HAProxy, peers.Spliced, peers.Nginx, peers.Socat, peers.Rinetd} {
		m := stats.Median(r.Values(w, metric, door))
		if math.IsNaN(m) || rate != "" && !(stats.Median(r.Values(w, rate, door)) >= enough) {
			continue
		}
		if found == "" || higher && m > best || !higher && m < best {
			best, found = m, door
		}
	}
	return found
}
