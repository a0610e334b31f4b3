package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/operations"
)

// grid is the table of an order, with its first n rows; all of them when n is 0.
func (q *queries) grid(by queryOrder, n int) *grid {
	switch by {
	case byErrors:
		return q.failureGrid(n)
	case byProgram:
		return q.programGrid(n)
	case byLoop:
		return q.suspectGrid(n)
	case byIdle:
		return q.idleGrid(n)
	}
	return q.statementGrid(by, n)
}

func (q *queries) statementGrid(by queryOrder, n int) *grid {
	g := &grid{heads: []string{"CALLS", "ERRORS", "ROWS", "TOTAL", "MEAN", "P95", "MAX", "TEXT"}, figures: 7}
	for _, s := range q.table.Statements(by.statementOrder(), n) {
		g.add([]string{
			shortCount(s.Count), shortCount(s.Errors), shortCount(s.Rows), shortSpan(s.Total), shortSpan(s.Mean()),
			shortSpan(s.Quantile(0.95)), shortSpan(s.Max),
		}, q.at(s.Service)+askedWords(s.Kind, s.Name, s.Text))
	}
	return g
}

func (q *queries) programGrid(n int) *grid {
	g := &grid{heads: []string{"CALLS", "ERRORS", "TOTAL", "MEAN", "IN", "OUT", "LAST", "PROGRAM"}, figures: 7}
	for _, p := range q.table.Programs(n) {
		g.add([]string{
			shortCount(p.Count), shortCount(p.Errors), shortSpan(p.Total), shortSpan(p.Total / time.Duration(max(1, p.Count))),
			humanSize(p.FromClient), humanSize(p.FromBackend), p.Last.Local().Format(time.TimeOnly),
		}, q.at(p.Service)+cmp.Or(p.Program, "unknown"))
	}
	return g
}

func (q *queries) failureGrid(n int) *grid {
	g := &grid{heads: []string{"CALLS", "LAST", "STATUS", "PROGRAM", "THE LAST ONE"}, figures: 2}
	for _, f := range q.table.Failures(n) {
		texts := []string{q.at(f.Service) + askedWords("", f.Name, f.Text)}
		if f.Error != "" {
			texts = append(texts, "-> "+f.Error)
		}
		g.add([]string{
			shortCount(f.Count), f.Last.Local().Format(time.TimeOnly), cmp.Or(f.Status, "-"), cmp.Or(f.Program, "unknown"),
		}, texts...)
	}
	return g
}

func (q *queries) suspectGrid(n int) *grid {
	g := &grid{heads: []string{"CALLS", "IN", "SEEN", "TOTAL", "SESSION", "PROGRAM", "TEXT"}, figures: 4}
	for _, s := range q.table.Suspects(n) {
		g.add([]string{
			strconv.Itoa(s.Most), shortSpan(s.Within), shortCount(s.Times), shortSpan(s.Total), s.Session.Short(),
			cmp.Or(s.Program, "unknown"),
		}, q.at(s.Service)+s.Statement, "behind "+s.Behind)
	}
	return g
}

func (q *queries) idleGrid(n int) *grid {
	g := &grid{heads: []string{"FOR", "SINCE", "STATE", "SESSION", "PROGRAM", "BEHIND"}, figures: 2}
	for _, i := range q.table.Idle(q.now, n) {
		g.add([]string{
			shortSpan(i.For), i.Since.Local().Format(time.TimeOnly), idleState(&i), i.Session.Short(), cmp.Or(i.Program, "unknown"),
		}, q.at(i.Service)+i.Statement)
	}
	return g
}

// idleState says whether a transaction is open yet, and what it can come to.
func idleState(i *operations.IdleTransaction) string {
	state := "open"
	if i.Over {
		state = "over"
	}
	if i.Failed {
		state += ", failed"
	}
	return state
}

// at is a service's name before a text, where there are several.
func (q *queries) at(service string) string {
	if len(q.names) < 2 {
		return ""
	}
	return service + ": "
}

// askedWords are what was asked: the text, which mostly begins with the name of what is done.
func askedWords(kind, name, text string) string {
	if len(text) < len(name) || !strings.EqualFold(text[:len(name)], name) {
		text = strings.TrimSpace(name + " " + text)
	}
	switch {
	case text == "":
		return cmp.Or(kind, "unknown")
	case kind == "prepare":
		return kind + ": " + text
	}
	return text
}

// shortCount is a number in at most five characters.
func shortCount(n uint64) string {
	if n < 100_000 {
		return strconv.FormatUint(n, 10)
	}
	f := float64(n)
	for _, unit := range []string{"k", "M", "G"} {
		if f /= 1000; f < 999.5 {
			return threeDigits(f) + unit
		}
	}
	return fmt.Sprintf("%.0fT", f/1000)
}

// shortSpan is a duration in at most six characters, as far as it is less than 1000 days.
func shortSpan(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + "ns"
	case d < 999500*time.Nanosecond:
		return threeDigits(float64(d)/float64(time.Microsecond)) + "µs"
	case d < 999500*time.Microsecond:
		return threeDigits(float64(d)/float64(time.Millisecond)) + "ms"
	case d < time.Minute-50*time.Millisecond:
		return threeDigits(d.Seconds()) + "s"
	case d < time.Hour:
		return configs.FormatDuration(d.Round(time.Second))
	case d < 24*time.Hour:
		return configs.FormatDuration(d.Round(time.Minute))
	}
	return configs.FormatDuration(d.Round(time.Hour))
}

// threeDigits writes a number below 1000 with three digits that matter.
func threeDigits(f float64) string {
	switch {
	case f < 9.995:
		return strconv.FormatFloat(f, 'f', 2, 64)
	case f < 99.95:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
