package terminal

import (
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// answerWidth is that of the column with what came back: "42P01", "1000 rows".
const answerWidth = 9

// operation puts what was asked of a backend: how long it took, what came back, and what it was. Who asked comes last:
// the lines of the session tell it, too, and what was asked is to be seen without a wide terminal.
func (f *Format) operation(l *line, r *flow.Record) {
	o := r.Operation
	if o == nil {
		l.cell(plain, r.Event.String(), eventWidth)
		return
	}
	p, word := plain, "asked"
	switch {
	case o.Unfinished:
		p, word = yellow, "CUT OFF"
	case o.Failed:
		p, word = yellow, "FAILED"
	}
	l.cell(p, word, eventWidth)
	f.session(l, r)
	l.right(span(max(0, r.Time.Sub(o.Started))), spanWidth)
	l.fixed(p, answerWords(o), answerWidth)
	l.cell(plain, askedWords(o), 0)
	if o.Error != "" {
		l.cell(yellow, strings.TrimPrefix(o.Error, o.Status+" "), 0) // Redis begins with it
	}
	if r.Origin != nil && r.Origin.Program != "" {
		l.cell(dim, "by "+shorten(r.Origin.Program, whoWidth), 0)
	}
}

// answerWords say in short what came back.
func answerWords(o *flow.Operation) string {
	switch {
	case o.Unfinished:
		return "-"
	case o.Status != "":
		return o.Status
	case o.Failed:
		return "failed"
	case o.Rows >= 0:
		return count(uint64(o.Rows), "row")
	}
	return "ok"
}

// askedWords are the name of the operation and its text, which mostly begins with it; and what else it is.
func askedWords(o *flow.Operation) string {
	words := o.Text
	if len(words) < len(o.Name) || !strings.EqualFold(words[:len(o.Name)], o.Name) {
		words = strings.TrimSpace(o.Name + " " + o.Text)
	}
	words = strings.Join(strings.Fields(words), " ")
	if o.Cut {
		words += " …"
	}
	if o.Kind != "" {
		words = strings.TrimSpace(o.Kind + ": " + words)
	}
	return words
}
