package terminal

import (
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

func alertLine(l *line, a *flow.Alert) {
	p := red
	if a != nil && a.Severity == flow.SeverityInfo {
		p = yellow
	}
	l.cell(p, "ALERT", eventWidth)
	if a == nil {
		return
	}
	l.cell(p, strings.ToUpper(a.Severity.String()), 0)
	l.cell(p, a.Message, 0)
	l.cell(dim, "["+a.Condition+"]", 0)
}

// otherLine is for what the journal and the configuration say.
func otherLine(l *line, r *flow.Record) {
	switch {
	case r.Event == flow.EventConfigRejected && r.Config != nil:
		l.cell(red, "CONFIG", eventWidth)
		problems := strings.Split(strings.TrimSpace(r.Config.Error), "\n")
		l.cell(red, with("rejected, nothing is changed", with(r.Config.Source, strings.Join(problems, "; "))), 0)
	case r.Config != nil:
		l.cell(plain, "config", eventWidth)
		l.cell(plain, "loaded from "+or(r.Config.Source, "nowhere"), 0)
	case r.Event == flow.EventJournalGap && r.Journal != nil:
		l.cell(red, "JOURNAL", eventWidth)
		l.cell(red, journalWords(r.Event, r.Journal), 0)
	case r.Journal != nil:
		l.cell(dim, "journal", eventWidth)
		l.cell(plain, journalWords(r.Event, r.Journal), 0)
	default:
		l.cell(plain, r.Event.String(), eventWidth)
	}
}
