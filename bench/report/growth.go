//go:build linux

package report

import (
	"fmt"
	"math"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/stats"
)

// growth judges how costs grow: not at all with open sessions and rules on zones, ranges and interfaces, and by at
// most so much with each rule that has an expression.
func (r *Results) growth() []Line {
	var lines []Line
	for _, metric := range []string{"rate", "p50"} {
		for _, n := range []int{1000, 9000} {
			lines = append(lines, r.flat("sessions", fmt.Sprintf("short connections, %s, with %d idle sessions to 10", metric, n),
				metric, figure{fmt.Sprintf("%s_%d", metric, n), peers.Lodoor}, figure{metric + "_10", peers.Lodoor}))
		}
	}
	for _, metric := range []string{"rate", "p50"} {
		for _, n := range []int{100, 10_000} {
			lines = append(lines, r.flat("rules", fmt.Sprintf("short connections, %s, with %d rules to 1", metric, n),
				metric, figure{metric, fmt.Sprintf("lodoor rules %d", n)}, figure{metric, "lodoor rules 1"}))
		}
	}
	return append(lines, r.when())
}

type figure struct{ metric, door string }

// flat is a ratio that must be 1, within the spread of the figures. A cost that falls is no failure.
func (r *Results) flat(w, what, metric string, many, few figure) Line {
	ratio := stats.Ratio(r.Values(w, many.metric, many.door), r.Values(w, few.metric, few.door))
	spread := math.Max(r.Spread(w, many.metric), r.Spread(w, few.metric))
	target := most(1)
	if metric == "rate" {
		target = least(1)
	}
	line := r.line(what, ratioUnit, target, ratio, spread)
	line.Note = "flat within the spread"
	if line.Verdict == stats.BarelyMissed || line.Verdict == stats.BarelyMet {
		line.Verdict = stats.Met
	}
	return r.noted(w, line)
}

// when is what a rule with an expression costs each connection: the difference between many rules and one, for each that
// there are more. Its spread is that of the latency, in parts of the target.
func (r *Results) when() Line {
	few, many := stats.Median(r.Values("rules", "p50", "lodoor when 1")), stats.Median(r.Values("rules", "p50", "lodoor when 5000"))
	ns := (many - few) * 1000 / (peers.ManyWhen - 1)
	const target = 100
	return r.line("a rule with when, by the p50 of one connection after the other", "ns", most(target), ns,
		r.Spread("rules", "p50")*few*1000/(peers.ManyWhen-1)/target)
}
