package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/coverage"
)

const (
	reportGaps  = 20 // gaps of a service that are shown
	reportLabel = 24 // the widest label
	reportHash  = 12 // digits of a hash that are enough for a person
)

// reportSheet is a report for people, at most 100 columns wide unless a name is long.
func reportSheet(r *instanceReport, color bool) string {
	s := &sheet{label: len("period"), color: color}
	for _, v := range r.Services {
		s.label = min(reportLabel, max(s.label, utf8.RuneCountInString(v.Name)))
	}
	s.head("journal", fmt.Sprintf("%s, in %s", r.Instance, r.Dir))
	s.line("period", fmt.Sprintf("%s to %s, %s", zonedTime(r.Since), zonedTime(r.Until), shownSpan(r.Until.Sub(r.Since))))
	reportVerify(s, &r.Verify)
	reportConfigs(s, r.Configs)
	uncertain := false
	for i := range r.Services {
		s.WriteByte('\n')
		reportService(s, &r.Services[i], r.Until.Sub(r.Since))
		for _, g := range r.Services[i].Gaps {
			uncertain = uncertain || g.Kind == coverage.Died
		}
	}
	if len(r.Services) == 0 {
		s.row("", "NOT COVERED: the journal tells of no service")
	}
	if uncertain {
		s.WriteByte('\n')
		s.row("", "Where lodoor died, the gap begins with its last record; it writes one every five minutes at least.")
	}
	return s.String()
}

func reportVerify(s *sheet, v *coverage.Verified) {
	if !v.OK {
		s.head("verify", "NOT WHOLE: "+v.Problem)
	} else {
		words := fmt.Sprintf("whole and unchanged: records %d to %d", v.First, v.Last)
		if v.Running {
			words += ", and being written"
		}
		s.line("verify", words)
	}
	if v.Erased > 0 {
		s.line("", fmt.Sprintf("records 1 to %d erased as the limits say", v.Erased))
	}
	if len(v.SetAside) > 0 {
		s.row("", "set aside after a crash: "+strings.Join(v.SetAside, " "))
	}
}

func reportConfigs(s *sheet, configs []coverage.Config) {
	for i, c := range configs {
		label := "config"
		if i > 0 {
			label = ""
		}
		source := c.Source
		if source == "" {
			source = "(its source is not told any more)"
		}
		s.line(label, fmt.Sprintf("%.*s  since %s  %s", reportHash, c.Hash, zonedTime(c.From), source))
	}
}

func reportService(s *sheet, v *coverage.Service, period time.Duration) {
	word := "COVERED"
	if len(v.Gaps) > 0 {
		word = "NOT COVERED, " + plural(len(v.Gaps), "gap")
	}
	s.head(v.Name, fmt.Sprintf("%s: %s of %s, %s", word, shownSpan(v.Covered), shownSpan(period), percent(v.Covered, period)))
	s.row("", reportCounts(v))
	for _, g := range v.Gaps[:min(len(v.Gaps), reportGaps)] {
		s.line("", fmt.Sprintf("%s to %s  %10s  %s", zonedTime(g.From), zonedTime(g.To), shownSpan(g.Took), gapWords(&g)))
	}
	if more := len(v.Gaps) - reportGaps; more > 0 {
		s.line("", fmt.Sprintf("and %s; --json has all", plural(more, "more gap")))
	}
}

// reportCounts says who came.
func reportCounts(v *coverage.Service) string {
	words := plural(v.Sessions, "session")
	if v.Observed > 0 {
		words += fmt.Sprintf(" (%d would have been refused)", v.Observed)
	}
	if v.Gated > 0 {
		words += fmt.Sprintf(", %d refused at a gate", v.Gated)
	}
	words += fmt.Sprintf("; %s refused", plural(v.Refused, "connection"))
	causes := make([]string, len(v.Refusals))
	for i, c := range v.Refusals {
		causes[i] = fmt.Sprintf("%s %d", c.Cause, c.Count)
	}
	if len(causes) > 0 {
		words += ": " + strings.Join(causes, ", ")
	}
	return words
}

func gapWords(g *coverage.Gap) string {
	switch g.Kind {
	case coverage.Off:
		return "lodoor was ended"
	case coverage.Died:
		return "lodoor had died"
	case coverage.NotServed:
		return "it was not served"
	case coverage.NotTold:
		return "nothing tells what was served"
	case coverage.NotBegun:
		return "the journal had not begun"
	case coverage.Erased:
		return "erased as the limits say"
	case coverage.Dropped:
		return plural(g.Records, "record") + " lost"
	default:
		return string(g.Kind)
	}
}

// percent is rounded down: what is not all is never shown as 100.
func percent(part, whole time.Duration) string {
	hundredths := int64(float64(part) / float64(whole) * 10000)
	if part < whole {
		hundredths = min(hundredths, 9999)
	}
	return fmt.Sprintf("%d.%02d %%", hundredths/100, hundredths%100)
}
