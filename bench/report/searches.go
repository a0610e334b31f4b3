//go:build linux

package report

import (
	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/stats"
)

// unsearched is lodoor's default, but that it looks for no process.
const unsearched = peers.Lodoor + " no processes"

// searches judge what it costs to look for the processes behind peers on a crowded host.
func (r *Results) searches() []Line {
	return []Line{r.searchLatency(), r.searchCPU()}
}

// searchLatency is by how much a session's p50 grows. Its spread is that of the latency between two doors that are
// both lodoor's default, in parts of the target.
func (r *Results) searchLatency() Line {
	const w, metric, target = "crowded", "p50", 40
	with, without := stats.Median(r.Values(w, metric, peers.Lodoor)), stats.Median(r.Values(w, metric, unsearched))
	return r.noted(w, r.line("added p50 at accept with 300 processes", "µs", most(target), with-without,
		r.again(w, metric)*without/target))
}

// searchCPU is the share of one processor that searches take in a storm. What they take of a connection's processor
// time is counted as often as there were connections: the difference of the shares themselves would hide it where the
// storm takes all that there is, since a relay that does not search makes more connections with it.
func (r *Results) searchCPU() Line {
	const w, target = "crowded-storm", 10
	median := func(metric, door string) float64 { return stats.Median(r.Values(w, metric, door)) }
	share := func(micros float64) float64 { return 100 * micros / 1e6 * median("rate", peers.Lodoor) } // percent
	with, without := median("cpu", peers.Lodoor), median("cpu", unsearched)
	line := r.line("CPU of the search in a storm", "% of a processor", most(target), share(with-without),
		r.again(w, "cpu")*share(without)/target)
	line.Note = "what it adds to each connection's CPU, times the rate"
	return r.noted(w, line)
}
