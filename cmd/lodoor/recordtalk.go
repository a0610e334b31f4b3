package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// talkIndent is where the text of a line begins, behind the two times and the mark of the side.
const talkIndent = 24

// conversation shows a session as what was asked and what came of it.
type conversation struct {
	hexDump
	decoder *recordDecoder
	width   int // of a text; 0 is any
	name    string
	goesOn  bool
	said    time.Time // the latest that was shown
	sealed  [2]uint64 // bytes that are encrypted, by direction; they are not shown
	closed  bool      // what comes is encrypted
	login   loginShown
}

// loginShown is what was told of a session's login; it is told again when it changes.
type loginShown struct{ namespace, user, application, auth string }

func newConversation(out *bufio.Writer, color, narrow bool, protocol string) *conversation {
	c := &conversation{hexDump: hexDump{out: out, color: color}, decoder: newRecordDecoder(protocol, flow.StatementsText)}
	if narrow {
		c.width = sheetWidth - talkIndent
	}
	return c
}

func (c *conversation) begin(parts []*recordedSession) {
	c.hexDump.begin(parts)
	fmt.Fprintln(c.out)
	c.name, c.said, c.goesOn = parts[0].Name(), c.opened, goOn(parts)
}

func (c *conversation) event(e *recording.Event) {
	told := c.decoder.event(e)
	c.show(told)
	side := "the client"
	if e.Direction == flow.FromBackend {
		side = "the service"
	}
	switch e.Kind {
	case recording.Shut:
		c.note(e.At, side+" closed its side")
	case recording.Reset:
		if e.Direction == flow.FromBackend {
			side = "the service, or lodoor,"
		}
		c.note(e.At, side+" reset the connection")
	}
}

// end shows what is left unfinished, and that the recording has no end when it has none.
func (c *conversation) end(last *recordedSession) {
	c.show(c.decoder.rest(c.name, last.last))
	if c.closed {
		c.note(last.last, fmt.Sprintf("encrypted: %s from the client, %s from the service", humanSize(c.sealed[flow.FromClient]),
			humanSize(c.sealed[flow.FromBackend])))
	}
	if c.goesOn {
		c.note(last.last, "the recording ends here, the session went on")
	}
}

func (c *conversation) show(told *decoded) {
	for _, o := range told.operations {
		c.operation(o)
	}
	if told.why != "" {
		at := c.said
		if len(told.chunks) > 0 {
			at = told.chunks[0].at
		}
		c.note(at, told.why)
	}
	c.closed = c.closed || told.encrypted
	for i := range told.chunks {
		if part := &told.chunks[i]; c.closed {
			c.sealed[part.dir] += uint64(len(part.bytes)) + part.missing
		} else {
			c.unread(part)
		}
	}
}

// operation shows a question and its answer.
func (c *conversation) operation(o *flow.Operation) {
	c.talker(o)
	gap := ""
	if pause := o.Started.Sub(c.said); pause >= 0 {
		gap = "+" + talkSpan(pause)
	}
	c.put(o.Started, gap, ">", questionText(o))
	answered := o.Started.Add(o.LastByte)
	if o.LastByte == 0 {
		if o.Kind != "cancel" {
			c.put(o.Started.Add(o.Asked), "", "<", "no answer")
		}
		answered = o.Started.Add(o.Asked)
	} else {
		c.put(answered, talkSpan(o.LastByte), "<", answerText(o))
	}
	if answered.After(c.said) {
		c.said = answered
	}
}

// talker says who asks, when that was not told already.
func (c *conversation) talker(o *flow.Operation) {
	now := loginShown{o.Namespace, o.User, o.Application, o.Auth}
	if o.Protocol == "http" {
		now.application = "" // every request has its own
	}
	if now == c.login || now == (loginShown{}) {
		return
	}
	c.login = now
	var words []string
	for _, w := range []struct{ name, value string }{
		{"user ", now.user}, {"database ", now.namespace}, {"calls itself ", now.application}, {"authentication ", now.auth},
	} {
		if w.value != "" {
			words = append(words, w.name+w.value)
		}
	}
	c.note(o.Started, strings.Join(append([]string{cmp.Or(o.System, o.Protocol)}, words...), ", "))
}

// note is a line that nobody said.
func (c *conversation) note(at time.Time, text string) { c.put(at, "", "-", text) }

// put shows a text at its time. Its lines stay lines; one that is too wide goes on in the next.
func (c *conversation) put(at time.Time, gap, mark, text string) {
	head := fmt.Sprintf("%s %8s %s  ", sinceText(at.Sub(c.opened)), gap, mark)
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		line = terminal.Visible(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
		for {
			part := line
			if runes := []rune(line); c.width > 0 && len(runes) > c.width {
				part = string(runes[:c.width])
			}
			fmt.Fprintf(c.out, "%s%s\n", head, c.paint(mark, part))
			head = strings.Repeat(" ", talkIndent)
			if line = line[len(part):]; line == "" {
				break
			}
		}
	}
}

// paint makes questions stand out.
func (c *conversation) paint(mark, text string) string {
	if mark != ">" || !c.color || text == "" {
		return text
	}
	return "\x1b[1m" + text + "\x1b[0m"
}

// unread shows bytes that nobody can read.
func (c *conversation) unread(part *chunk) {
	c.said = part.at
	if !isText(part.bytes) {
		c.put(part.at, "", sideMark(part.dir), plural(uint64(len(part.bytes)), "byte"))
		c.chunk(part)
		return
	}
	c.offset[part.dir] += uint64(len(part.bytes)) + part.missing
	if len(part.bytes) > 0 {
		c.put(part.at, "", sideMark(part.dir), string(part.bytes))
	}
	if part.missing > 0 {
		c.put(part.at, "", sideMark(part.dir), missingText(part.missing, part.reason))
	}
}

// isText says whether bytes are lines that a person can read.
func isText(b []byte) bool {
	return utf8.Valid(b) && !bytes.ContainsFunc(b, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f
	})
}

// questionText is what was asked.
func questionText(o *flow.Operation) string {
	text := cmp.Or(o.Text, o.Name, o.Kind, "(nothing that has a name)")
	if o.Protocol == "http" {
		text = strings.TrimSpace(o.Name + " " + o.Text)
	}
	if o.Kind != "" && o.Kind != "execute" && !hasPrefixFold(text, o.Kind) {
		text = o.Kind + ": " + text
	}
	if o.Cut {
		text += " …"
	}
	return text
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// answerText is what came of it.
func answerText(o *flow.Operation) string {
	var words []string
	switch {
	case o.Failed:
		words = append(words, strings.TrimSpace("FAILED "+o.Status)+quotedError(o))
	case o.Status != "":
		words = append(words, o.Status)
	default:
		words = append(words, "ok")
	}
	if o.Rows >= 0 {
		words = append(words, plural(uint64(o.Rows), "row"))
	}
	words = append(words, humanSize(o.FromBackend))
	if wait := o.LastByte - o.FirstByte; wait >= time.Millisecond {
		words = append(words, "first byte after "+talkSpan(o.FirstByte))
	}
	switch o.Transaction {
	case "active":
		words = append(words, "in a transaction")
	case "failed":
		words = append(words, "in a transaction that has failed")
	}
	if o.Unfinished {
		words = append(words, "not finished")
	}
	return strings.Join(words, ", ")
}

func quotedError(o *flow.Operation) string {
	if o.Error == "" {
		return ""
	}
	return ": " + o.Error
}

// talkSpan is a time between two things that were said: three digits are enough.
func talkSpan(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%.3gms", float64(d.Microseconds())/1e3)
	case d < time.Minute:
		return fmt.Sprintf("%.3gs", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}
