//go:build linux

package report

import (
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/lodoor/lodoor/bench/peers"
	"github.com/lodoor/lodoor/bench/workload"
)

// bar is one door's figure in a plot.
type bar struct {
	label            string
	value, low, high float64
	color            string
}

// The measures of a plot in pixels.
const (
	plotWidth  = 760
	labelWidth = 170
	valueWidth = 90
	barHeight  = 18
	barStep    = 26
	headHeight = 44
)

func plotName(w workload.Workload, m workload.Metric) string { return w.Name + "-" + m.Name + ".svg" }

// Plots are SVG files by their names, a bar with its spread for each door.
func (r *Results) Plots() map[string]string {
	plots := make(map[string]string)
	for _, w := range r.Workloads {
		for _, m := range w.Metrics {
			var bars []bar
			for _, s := range r.of(w, m) {
				bars = append(bars, bar{s.Door, s.Summary.Median, s.Summary.Min, s.Summary.Max, color(s.Door)})
			}
			if len(bars) > 0 {
				plots[plotName(w, m)] = plot(w.Title+": "+m.Title, m.Unit, m.Higher, bars)
			}
		}
	}
	return plots
}

func color(door string) string {
	switch {
	case door == peers.Direct || door == peers.Control:
		return "#9a9a9a"
	case door == peers.Lodoor:
		return "#d9541e"
	case strings.HasPrefix(door, peers.Lodoor):
		return "#eda27f"
	}
	return "#4a7ab5"
}

// plot draws horizontal bars from 0 to the median, each with a line from its least to its greatest round.
func plot(title, unit string, higher bool, bars []bar) string {
	greatest := 0.0
	for _, b := range bars {
		greatest = math.Max(greatest, b.high)
	}
	if greatest <= 0 {
		greatest = 1
	}
	x := func(v float64) float64 { return labelWidth + math.Max(v, 0)/greatest*(plotWidth-labelWidth-valueWidth) }
	better := "lower is better"
	if higher {
		better = "higher is better"
	}
	height := headHeight + barStep*len(bars) + 10
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="10" y="18" font-size="14" font-weight="bold">%s</text>
<text x="10" y="35" fill="#555">%s, %s; bars are medians, lines reach from the least round to the greatest</text>
`, plotWidth, height, html.EscapeString(title), html.EscapeString(unit), better)
	for i, v := range bars {
		y := headHeight + barStep*i
		middle := y + barHeight/2
		low, high := x(v.low), x(v.high)
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, middle+4, html.EscapeString(v.label))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, x(v.value)-labelWidth,
			barHeight, v.color)
		fmt.Fprintf(&b, `<path d="M%.1f %dH%.1fM%.1f %dv8M%.1f %dv8" stroke="#222" fill="none"/>`+"\n", low, middle, high,
			low, middle-4, high, middle-4)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%s</text>`+"\n", math.Max(x(v.value), high)+6, middle+4, number(v.value))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
