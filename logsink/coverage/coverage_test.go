package coverage_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/coverage"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// at is a minute of the day that all of these tests take place in.
func at(minute int) time.Time {
	return time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
}

func own(minute int, e flow.Event) flow.Record {
	return flow.Record{Time: at(minute), Event: e, Journal: &flow.Journal{}}
}

func start(minute int) flow.Record   { return own(minute, flow.EventJournalStart) }
func stop(minute int) flow.Record    { return own(minute, flow.EventJournalStop) }
func rotated(minute int) flow.Record { return own(minute, flow.EventJournalRotated) }

func gap(minute int, lost uint64) flow.Record {
	return flow.Record{Time: at(minute), Event: flow.EventJournalGap, Journal: &flow.Journal{Count: lost, Reason: "disk full"}}
}

func config(minute int, services ...string) flow.Record {
	return flow.Record{Time: at(minute), Event: flow.EventConfigLoaded, Config: &flow.Config{
		Hash: "h" + strings.Join(services, "+"), Source: "flags", Services: services,
	}}
}

func beat(minute int, services ...string) flow.Record {
	return flow.Record{Time: at(minute), Event: flow.EventJournalHeartbeat, Beat: &flow.Beat{Config: "hb", Services: services}}
}

func open(minute int, service string) flow.Record {
	return flow.Record{Time: at(minute), Event: flow.EventSessionOpen, Service: service}
}

func refused(minute int, cause flow.Cause, count uint64) flow.Record {
	return flow.Record{
		Time: at(minute), Event: flow.EventSessionRefused, Service: "pg", Verdict: &flow.Verdict{Cause: cause},
		Refusal: &flow.Refusal{Count: count},
	}
}

// entries are records as a journal has them, the first with number first.
func entries(first uint64, records ...flow.Record) iter.Seq2[journal.Entry, error] {
	return func(yield func(journal.Entry, error) bool) {
		for i, r := range records {
			id := flow.Identity{Journal: "j", Epoch: "e", Seq: first + uint64(i)}
			if !yield(journal.Entry{Identity: id, Record: r, Line: []byte("{}")}, nil) {
				return
			}
		}
	}
}

// told is a report in a few words: each service, the minutes that are covered, and its gaps.
func told(r *coverage.Report) string {
	var b strings.Builder
	for i, s := range r.Services {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s %g", s.Name, s.Covered.Minutes())
		for _, g := range s.Gaps {
			fmt.Fprintf(&b, ", %s %g-%g", g.Kind, g.From.Sub(at(0)).Minutes(), g.To.Sub(at(0)).Minutes())
			if g.Records > 0 {
				fmt.Fprintf(&b, " (%d)", g.Records)
			}
		}
	}
	return b.String()
}

type list []flow.Record

func TestOf(t *testing.T) {
	day := func(minute int) time.Time {
		if minute < 0 {
			return time.Time{}
		}
		return at(minute)
	}
	for _, tc := range []struct {
		name         string
		first        uint64
		records      list
		since, until int // minutes; -1 is not set
		running      bool
		services     []string
		want         string
	}{
		{"runs still", 1, list{start(0), config(1, "pg"), open(5, "pg")}, -1, -1, true, nil, "pg 100"},
		{"was killed", 1, list{start(0), config(1, "pg"), beat(5, "pg")}, -1, -1, false, nil, "pg 5, died 5-100"},
		{"was ended", 1, list{start(0), config(1, "pg"), stop(50)}, -1, -1, false, nil, "pg 50, off 50-100"},
		{"the period ends before", 1, list{start(0), config(1, "pg"), stop(50)}, 10, 50, false, nil, "pg 40"},
		{"was started again", 1, list{start(0), config(1, "pg"), stop(50), start(60), config(61, "pg")}, -1, -1, true, nil,
			"pg 90, off 50-60"},
		{"died and was started again", 1, list{start(0), config(1, "pg"), beat(45, "pg"), start(60), config(60, "pg")}, -1, -1,
			true, nil, "pg 85, died 45-60"},
		{"ended while it was starting", 1, list{start(0), stop(1), start(10), config(10, "pg")}, -1, -1, true, nil,
			"pg 90, not_told 0-1, off 1-10"},
		{"one service comes, one goes", 1, list{start(0), config(1, "a", "b"), config(30, "b", "c")}, -1, -1, true, nil,
			"a 30, not_served 30-100; b 100; c 70, not_served 0-30"},
		{"only one was asked for", 1, list{start(0), config(1, "a", "b"), config(30, "b")}, -1, -1, true, []string{"b"}, "b 100"},
		{"what went before the period does not matter", 1, list{start(0), config(1, "a", "b"), config(30, "b")}, 40, -1, true,
			nil, "b 60"},
		{"nothing was served in the period", 1, list{start(0), config(1, "a"), stop(30)}, 40, 60, false, nil, "a 0, off 40-60"},
		{"the same again changes nothing", 1, list{start(0), config(1, "b", "a"), beat(5, "a", "b"), config(9, "a", "b")}, -1, -1,
			true, nil, "a 100; b 100"},
		{"records were dropped", 1, list{start(0), config(1, "pg"), open(20, "pg"), rotated(29), gap(30, 7)}, -1, -1, true, nil,
			"pg 90, dropped 20-30 (7)"},
		{"dropped while it was not served", 1, list{start(0), config(1, "a"), config(30, "b"), open(40, "b"), gap(50, 7)}, -1, -1,
			true, []string{"a"}, "a 30, not_served 30-100, dropped 40-50 (7)"},
		{"dropped in a moment", 1, list{start(0), config(1, "pg"), open(30, "pg"), gap(30, 1)}, -1, -1, true, nil,
			"pg 100, dropped 30-30 (1)"},
		{"dropped while it was dying", 1, list{start(0), config(1, "pg"), open(20, "pg"), gap(30, 7), start(40), config(40, "pg")},
			-1, -1, true, nil, "pg 80, dropped 20-30 (7), died 30-40"},
		{"dropped outside the period", 1, list{start(0), config(1, "pg"), open(20, "pg"), gap(30, 7)}, 30, -1, true, nil, "pg 70"},
		{"had not begun", 1, list{start(20), config(21, "pg")}, 10, -1, true, nil, "pg 80, not_begun 10-20"},
		{"the beginning was erased", 900, list{rotated(20), beat(24, "pg")}, 10, -1, true, nil, "pg 80, erased 10-20"},
		{"what was erased is not asked for", 900, list{rotated(20), beat(24, "pg")}, -1, -1, true, nil, "pg 80"},
		{"erased, and changed before it is told", 900, list{rotated(20), config(23, "pg")}, -1, -1, true, nil,
			"pg 77, not_told 20-23"},
		{"before configurations told their services", 1, list{start(0), config(1), open(5, "pg")}, -1, -1, true, nil,
			"pg 0, not_told 0-100"},
		{"the clock was set back", 1, list{start(50), config(51, "pg"), stop(60), start(20), config(20, "pg")}, -1, -1, true, nil,
			"pg 50"},
		{"what is to come is not covered", 1, list{start(0), config(1, "pg")}, 90, 200, true, nil, "pg 10"},
	} {
		q := coverage.Question{
			Since: day(tc.since), Until: day(tc.until), Now: at(100), Running: tc.running, Services: tc.services,
		}
		r, err := coverage.Of(entries(tc.first, tc.records...), q)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := told(r); got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tc.name, got, tc.want)
		}
		gaps := strings.Contains(tc.want, ",")
		if r.Covered == gaps {
			t.Errorf("%s: covered is %v", tc.name, r.Covered)
		}
	}
}

func TestCounts(t *testing.T) {
	observed, gated := open(30, "pg"), open(31, "pg")
	observed.Verdict = &flow.Verdict{Action: flow.WouldDeny}
	gated.Event, gated.Outcome = flow.EventSessionClose, &flow.Outcome{Refused: &flow.Verdict{Cause: flow.CauseProtocol}}
	records := list{
		start(0), config(1, "pg"), open(5, "pg"), refused(6, flow.CauseRule, 9), open(20, "pg"), observed, gated,
		refused(32, flow.CauseLimit, 1), refused(33, flow.CauseNonLocal, 40), refused(34, flow.CauseLimit, 2),
		refused(60, flow.CauseRule, 9),
	}
	r, err := coverage.Of(entries(1, records...), coverage.Question{Since: at(20), Until: at(60), Now: at(100), Running: true})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Services[0]
	if s.Sessions != 2 || s.Observed != 1 || s.Gated != 1 || s.Refused != 43 {
		t.Errorf("%+v", s)
	}
	if got := fmt.Sprint(s.Refusals); got != "[{non_local 40} {limit 3}]" {
		t.Errorf("refusals %s", got)
	}
}

func TestConfigs(t *testing.T) {
	records := list{start(0), config(1, "a"), config(5, "b"), stop(6), start(7), config(8, "b"), config(30, "c"), config(70, "d")}
	for _, tc := range []struct {
		since int
		want  string
	}{{0, "ha@1 hb@5 hc@30"}, {10, "hb@5 hc@30"}, {30, "hc@30"}} {
		r, err := coverage.Of(entries(1, records...), coverage.Question{Since: at(tc.since), Until: at(70), Now: at(100)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range r.Configs {
			got = append(got, fmt.Sprintf("%s@%g", c.Hash, c.From.Sub(at(0)).Minutes()))
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("since %d: %s, want %s", tc.since, s, tc.want)
		}
	}
	r, err := coverage.Of(entries(900, rotated(1), beat(5, "pg")), coverage.Question{Now: at(100)})
	if err != nil || len(r.Configs) != 1 || r.Configs[0].Hash != "hb" || !r.Configs[0].From.Equal(at(1)) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestQuestionsWithoutAnAnswer(t *testing.T) {
	records := entries(1, start(50), config(50, "pg"))
	for _, tc := range []struct {
		q    coverage.Question
		want string
	}{
		{coverage.Question{Until: at(20)}, "the period would begin at 2026-03-14T00:50:00Z and end at 2026-03-14T00:20:00Z"},
		{coverage.Question{Since: at(200)}, "the period would begin"},
		{coverage.Question{Services: []string{"my"}, Until: at(60)}, `no service "my": expected one of pg`},
	} {
		tc.q.Now = at(100)
		if _, err := coverage.Of(records, tc.q); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc.q, err)
		}
	}
	if _, err := coverage.Of(entries(1), coverage.Question{Since: at(0), Now: at(100)}); err == nil {
		t.Error("an empty journal is reported on")
	}
	broken := errors.New("the disk is gone")
	if _, err := coverage.Of(func(yield func(journal.Entry, error) bool) { yield(journal.Entry{}, broken) },
		coverage.Question{Now: at(100)}); !errors.Is(err, broken) {
		t.Errorf("the error of reading is %v", err)
	}
}
