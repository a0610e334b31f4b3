package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/replay"
)

// replaySheet is what came of a replay, for people.
func replaySheet(r *replay.Report, rules []replay.Rule, color bool) string {
	s := &sheet{label: len("not played"), color: color}
	played := fmt.Sprintf("%s, %s, in %s (recorded in %s)", plural(r.Sessions, "session"), plural(r.Questions, "operation"),
		shortTime(r.Took), shortTime(r.Recorded))
	if r.Torn {
		played += "; the recording ends before it is whole"
	}
	s.head("played", played)
	s.head("result", replayResult(r))
	for i := range r.Differences {
		replayDifference(s, &r.Differences[i])
	}
	if n := r.Different - uint64(len(r.Differences)); n > 0 {
		s.row("", fmt.Sprintf("and %d more", n))
	}
	for _, o := range r.Slower {
		s.WriteByte('\n')
		s.row("slower", o.Operation)
		s.line("", fmt.Sprintf("%s instead of %s (medians of %d)", shortTime(o.Played), shortTime(o.Recorded), o.Count))
	}
	replayRest(s, r)
	replayRules(s, r.Ignored, rules)
	return s.String()
}

func replayResult(r *replay.Report) string {
	var words []string
	if r.Different > 0 {
		words = append(words, plural(r.Different, "difference"))
	}
	if n := r.Unanswered + r.Unasked; n > 0 {
		words = append(words, plural(n, "question")+" behind them not asked or not answered")
	}
	if r.NotPlayed > 0 {
		words = append(words, plural(r.NotPlayed, "session")+" not played, or not to the end")
	}
	if r.Sessions == 0 {
		words = append(words, "no session was played")
	}
	if len(words) == 0 {
		words = append(words, "no difference")
	}
	if len(r.Slower) > 0 {
		words = append(words, plural(len(r.Slower), "operation")+" slower")
	}
	return strings.Join(words, ", ")
}

func replayDifference(s *sheet, d *replay.Difference) {
	s.WriteByte('\n')
	where := fmt.Sprintf("session %s, %s after the beginning", d.Session, shortTime(d.After))
	if d.Program != "" {
		where += ", " + d.Program
	}
	s.head("differs", d.What)
	s.line("", where)
	if d.Operation != "" {
		s.row("operation", d.Operation)
	}
	s.line("recorded", d.Recorded)
	s.line("now", d.Played)
}

// replayRest is what was not played.
func replayRest(s *sheet, r *replay.Report) {
	if len(r.Unplayed)+len(r.Omitted) > 0 {
		s.WriteByte('\n')
	}
	for _, u := range r.Unplayed {
		label := "not played"
		if u.Harmless {
			label = "left out"
		}
		s.row(label, fmt.Sprintf("session %s: %s", u.Session, u.Why))
	}
	if n := r.NotPlayed + r.LeftOut - uint64(len(r.Unplayed)); n > 0 {
		s.row("", fmt.Sprintf("and %s more", plural(n, "session")))
	}
	for _, o := range r.Omitted {
		s.row("not asked", fmt.Sprintf("%s (%s): %s", o.Operation, plural(o.Count, "time"), o.Why))
	}
	if r.OutOfOrder > 0 {
		s.row("order", plural(r.OutOfOrder, "answer")+" took so long that other sessions went on without them, not in the recorded order")
	}
}

// replayRules names the rules by which something was passed over.
func replayRules(s *sheet, ignored map[string]uint64, rules []replay.Rule) {
	if len(ignored) > 0 {
		s.WriteByte('\n')
	}
	for _, name := range slices.Sorted(maps.Keys(ignored)) {
		text := ""
		if i := slices.IndexFunc(rules, func(r replay.Rule) bool { return r.Name == name }); i >= 0 {
			text = rules[i].Text
		}
		s.row("ignored", fmt.Sprintf("%s, in %s: %s", name, plural(ignored[name], "answer"), text))
	}
}

// shortTime is a duration as exact as a person wants it.
func shortTime(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
