package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	statsKinds = 1024 // kinds that are told apart; who connects chooses some of them
	statsShown = 10   // kinds that are shown
)

// logStats counts records and shows the sums, on a page.
type logStats struct {
	out                               io.Writer
	records                           uint64
	first, last                       time.Time
	opened, closed, refused           uint64
	fromClient, fromBackend           uint64
	took                              histogram
	events, services, programs        kinds
	zones, verdicts, ends, conditions kinds
}

func newLogStats(out io.Writer) *logStats { return &logStats{out: out} }

func (s *logStats) takes(*journal.Entry) bool { return true }

func (s *logStats) record(e *journal.Entry) error {
	r := &e.Record
	s.records++
	if s.first.IsZero() || r.Time.Before(s.first) {
		s.first = r.Time
	}
	if r.Time.After(s.last) {
		s.last = r.Time
	}
	s.events.add(r.Event.String())
	s.services.add(r.Service)
	if r.Origin != nil {
		s.programs.add(r.Origin.Program)
	}
	if r.Peer != nil {
		s.zones.add(r.Peer.Zone.String())
	}
	if r.Verdict != nil {
		s.verdicts.add(r.Verdict.Action.String())
	}
	if r.Alert != nil {
		s.conditions.add(r.Alert.Condition)
	}
	s.session(r)
	return nil
}

func (s *logStats) session(r *flow.Record) {
	switch {
	case r.Event == flow.EventSessionOpen:
		s.opened++
	case r.Refusal != nil:
		s.refused += r.Refusal.Count
	case r.Outcome != nil:
		o := r.Outcome
		s.closed++
		s.ends.add(o.End.String())
		s.fromClient += o.FromClient
		s.fromBackend += o.FromBackend
		if o.Known {
			s.took.add(o.Duration)
		}
	}
}

// end shows the page.
func (s *logStats) end() error {
	page := &sheet{label: len("conditions"), color: colored(s.out)}
	page.line("records", s.period())
	page.line("sessions", fmt.Sprintf("%d opened, %d closed; %s refused", s.opened, s.closed, plural(s.refused, "connection")))
	page.line("bytes", fmt.Sprintf("%s from clients, %s from backends", humanSize(s.fromClient), humanSize(s.fromBackend)))
	if s.took.count > 0 {
		page.line("durations", fmt.Sprintf("p50 %s, p99 %s, of %s", shownSpan(s.took.quantile(0.5)),
			shownSpan(s.took.quantile(0.99)), plural(s.took.count, "closed session")))
	}
	for _, k := range []struct {
		label string
		of    *kinds
	}{
		{"events", &s.events}, {"services", &s.services}, {"programs", &s.programs}, {"zones", &s.zones},
		{"verdicts", &s.verdicts}, {"ends", &s.ends}, {"conditions", &s.conditions},
	} {
		if words := k.of.words(); words != "" {
			page.row(k.label, words)
		}
	}
	_, err := io.WriteString(s.out, page.String())
	return err
}

func (s *logStats) period() string {
	if s.records == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, %s to %s", s.records, zonedTime(s.first), zonedTime(s.last))
}

func humanSize(n uint64) string { return flow.Size(min(n, 1<<62)).Human() }

// kinds counts records by kind. There is a bound on them.
type kinds struct {
	counts map[string]uint64
	others uint64 // of kinds that found no room
}

// add counts one; what has no name is not counted.
func (k *kinds) add(name string) {
	if name == "" {
		return
	}
	if k.counts == nil {
		k.counts = make(map[string]uint64)
	}
	if _, ok := k.counts[name]; !ok && len(k.counts) == statsKinds {
		k.others++
		return
	}
	k.counts[name]++
}

// words are the most frequent kinds, and how many the others are.
func (k *kinds) words() string {
	type kind struct {
		name string
		n    uint64
	}
	list := make([]kind, 0, len(k.counts))
	for name, n := range k.counts {
		list = append(list, kind{name, n})
	}
	slices.SortFunc(list, func(a, b kind) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	others := k.others
	for _, rest := range list[min(len(list), statsShown):] {
		others += rest.n
	}
	words := make([]string, 0, statsShown+1)
	for _, one := range list[:min(len(list), statsShown)] {
		words = append(words, fmt.Sprintf("%s %d", one.name, one.n))
	}
	if others > 0 {
		words = append(words, fmt.Sprintf("others %d", others))
	}
	return strings.Join(words, ", ")
}
