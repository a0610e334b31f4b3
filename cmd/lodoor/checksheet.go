package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/probe"
)

// sheet is what a person reads; its last line is the verdict.
func (c *checkup) sheet(color bool) string {
	s := &sheet{label: c.labels(), color: color}
	switch {
	case c.Facts != nil:
		sheetFacts(s, c.Facts)
	default:
		s.head("door", fmt.Sprintf("%s, service %s", c.Door.Instance, c.Door.Service))
		s.row("", fmt.Sprintf("%s -> %s", c.Door.Front.At, backendName(c.Door.Backend.At)))
		s.WriteByte('\n')
		s.head("behind it", backendName(c.Door.Backend.At))
		sheetFacts(s, c.Door.Backend)
		s.WriteByte('\n')
		s.head("through it", c.Door.Front.At.String())
		sheetFacts(s, c.Door.Front)
		sheetTold(s, c.Door)
	}
	if c.Blind != "" {
		s.row("doors", "not all could be asked: "+c.Blind)
	}
	fmt.Fprintf(s, "\n%s\n", paint(color, c.Verdict.Class, terminal.Visible(c.Verdict.String())))
	return s.String()
}

func paint(color bool, class probe.Class, text string) string {
	switch {
	case !color:
		return text
	case class == probe.OK:
		return "\x1b[32m" + text + "\x1b[0m"
	default:
		return "\x1b[31m" + text + "\x1b[0m"
	}
}

// labels is the width that the labels need.
func (c *checkup) labels() int {
	width := len("through it")
	facts := []*probe.Facts{c.Facts}
	if c.Door != nil {
		facts = []*probe.Facts{c.Door.Front, c.Door.Backend}
	}
	for _, f := range facts {
		for i := range f.Attempts {
			width = max(width, utf8.RuneCountInString(f.Attempts[i].Name))
		}
	}
	return min(width, 24)
}

func sheetFacts(s *sheet, f *probe.Facts) {
	if f.Port != nil {
		s.row("port", portWords(f.Port))
	}
	if f.Socket != nil {
		s.row("file", fileWords(f.Socket))
	}
	sheetListeners(s, f)
	if f.Unresolved != "" {
		s.row("name", f.Unresolved)
	}
	for i := range f.Attempts {
		a := &f.Attempts[i]
		s.row(a.Name, a.To+" "+attemptWords(a))
	}
	for _, b := range f.Binds {
		text := string(b.Outcome)
		if b.Error != "" {
			text += " (" + b.Error + ")"
		}
		s.row("bind", b.To.String()+" "+text)
	}
}

func sheetListeners(s *sheet, f *probe.Facts) {
	label := "listens"
	switch {
	case f.Blind != "":
		s.row(label, "unknown: "+f.Blind)
	case len(f.Listeners) == 0:
		s.row(label, "nobody")
	}
	for i := range f.Listeners {
		l := &f.Listeners[i]
		text := l.Who
		if l.Local.IsValid() {
			text += " at " + l.Local.String()
		}
		if l.V6Only && l.Local.Addr().IsUnspecified() {
			text += ", IPv6 only"
		}
		if l.Queue != nil {
			text += fmt.Sprintf("; %d of %d wait to be accepted", l.Queue.Waiting, l.Queue.Most)
		}
		s.row(label, text)
		label = ""
	}
	for _, t := range f.Taken {
		s.row("taken", fmt.Sprintf("by a connection of %s, %s to %s (%s)", t.Who, t.Local, t.Remote, t.State))
	}
}

// portWords are class, use, the range of clients and privilege.
func portWords(p *probe.Port) string {
	words := []string{fmt.Sprintf("%d is %s (RFC 6335)", p.Number, p.Class)}
	if p.Usual != "" {
		words = append(words, "mostly "+p.Usual)
	}
	clients := fmt.Sprintf("%d-%d, which this system gives its clients", p.ClientFirst, p.ClientLast)
	switch {
	case p.ClientFirst == 0:
	case p.ForClients():
		words = append(words, "inside "+clients+": one of them may have it when a server wants it")
	case p.Reserved:
		words = append(words, "reserved: not given to clients")
	default:
		words = append(words, "outside "+clients)
	}
	if p.Privileged() {
		return strings.Join(append(words, "a server needs a privilege to take it"), "; ")
	}
	return strings.Join(append(words, "any user may take it"), "; ")
}

func fileWords(f *probe.Socket) string {
	switch {
	case f.Abstract:
		return "none: an abstract Unix socket"
	case f.Barrier != "":
		return fmt.Sprintf("cannot be seen: directory %s has mode %s, user %s, group %s", f.Barrier, f.Mode, f.Owner, f.Group)
	case !f.Exists:
		return "not there"
	default:
		return fmt.Sprintf("a %s, mode %s, user %s, group %s", f.Kind, f.Mode, f.Owner, f.Group)
	}
}

// attemptWords are what a client experiences.
func attemptWords(a *probe.Attempt) string {
	took := a.Took.Round(time.Microsecond).String()
	text := fmt.Sprintf("%s after %s", a.Outcome, took)
	switch {
	case a.Outcome == probe.NotTried:
		text = "not tried: the time was up"
	case a.Outcome != probe.Connected:
		text += " (" + a.Error + ")"
	default:
		text = "connected in " + took + ", " + afterWords(a)
	}
	if !a.Own {
		text += "; not an address of this host, and tried only because it was given"
	}
	return text
}

func afterWords(a *probe.Attempt) string {
	text := map[probe.After]string{
		probe.StaysOpen: "stays open", probe.ClosedThen: "closed at once by the other side",
		probe.ResetThen: "reset at once by the other side", probe.NotAccepted: "not accepted: waits in the queue",
	}[a.After]
	switch {
	case a.Greeted == 0:
		return text + ", no greeting"
	case a.Greeting == "":
		return fmt.Sprintf("%s, greeted with %s", text, plural(uint64(a.Greeted), "byte"))
	default:
		return fmt.Sprintf("%s, greeted with %q", text, a.Greeting)
	}
}

func sheetTold(s *sheet, p *probe.Passage) {
	switch t := p.Told; {
	case !p.Journaled:
		s.row("journal", "the door keeps none")
	case t == nil:
		s.row("journal", "does not tell of it")
	case t.Refused != nil:
		s.row("journal", fmt.Sprintf("refused by rule %s (%s): %s", t.Refused.Rule, t.Refused.Cause, t.Refused.Reason))
	case t.Detail != "":
		s.row("journal", fmt.Sprintf("session ended by %s: %s", t.End, t.Detail))
	default:
		s.row("journal", fmt.Sprintf("session ended by %s", t.End))
	}
}
