package terminal

import (
	"fmt"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

func alertLine(l *line, a *flow.Alert) {
	if a == nil {
		l.cell(red, "ALERT", eventWidth)
		return
	}
	p, word := red, "ALERT"
	switch {
	case a.Resolved:
		p, word = green, "RESOLVED"
	case a.Severity == flow.SeverityInfo:
		p = yellow
	}
	l.cell(p, word, eventWidth)
	l.cell(p, strings.ToUpper(a.Severity.String()), 0)
	l.cell(p, a.Message, 0)
	l.cell(dim, "["+a.Condition+"]", 0)
	if a.Silenced {
		l.cell(dim, "silenced", 0)
	}
}

// beatWords say what was counted until a heartbeat.
func beatWords(b *flow.Beat) string {
	words := fmt.Sprintf("up for %s: %d open of %s, %d refused", span(b.Uptime), b.Open, count(b.Sessions, "session"), b.Refused)
	if b.Dropped > 0 {
		words += ", " + count(b.Dropped, "record") + " lost"
	}
	return words
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
	case r.Beat != nil:
		l.cell(dim, "alive", eventWidth)
		l.cell(plain, beatWords(r.Beat), 0)
	default:
		l.cell(plain, r.Event.String(), eventWidth)
	}
}
