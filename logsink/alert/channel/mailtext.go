package channel

import (
	"fmt"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// maxSubject is in bytes; a longer one is cut, the message is whole.
const maxSubject = 160

// write makes the mail to one recipient. Its id is the record's, so that a mail that came twice can be told, and it refers
// to its group, so that mail programs show the group as one.
func (m *mailer) write(msg *message, to string) (*mail.Msg, error) {
	out := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := out.From(m.From); err != nil {
		return nil, fmt.Errorf("from: %q is not an address", m.From)
	}
	if err := out.To(to); err != nil {
		return nil, fmt.Errorf("to: %q is not an address", to)
	}
	word := strings.ToUpper(msg.Severity.String())
	if msg.Resolved {
		word = resolvedWord
	}
	short := strings.TrimPrefix(msg.Message, resolvedWord+": ")
	out.Subject(cut(plain(fmt.Sprintf("[%s] lodoor on %s: %s", word, msg.Host, short)), maxSubject))
	out.SetMessageIDWithValue(m.messageID(msg))
	if msg.ID != "" {
		out.SetGenHeader(mail.HeaderReferences, "<group-"+hostName(msg.ID)+"@"+m.name+">")
	}
	out.SetDateWithValue(msg.record.Time)
	out.SetUserAgent(m.agent)
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer from a robot
	out.SetBodyString(mail.TypeTextPlain, body(msg))
	return out, nil
}

// messageID is the same in each attempt. Without a journal it is the group's with the time of the alert.
func (m *mailer) messageID(msg *message) string {
	if key := msg.key(); key != "" {
		return hostName(key) + "@" + m.name
	}
	return fmt.Sprintf("%s-%d@%s", hostName(msg.ID+"-"+msg.Condition), msg.record.Time.UnixNano(), m.name)
}

// body is the alert for a person, a fact a line.
func body(msg *message) string {
	var b strings.Builder
	fact := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s%s\r\n", name, plain(value))
		}
	}
	b.WriteString(plain(msg.Text) + "\r\n\r\n")
	fact("condition", msg.Condition)
	fact("severity", msg.Severity.String())
	fact("service", msg.Service)
	fact("zone", msg.Zone)
	fact("forwarder", msg.Forwarder)
	fact("program", msg.Program)
	for _, l := range msg.By {
		fact(l.Name, l.Value)
	}
	fact("count", fmt.Sprint(msg.Count))
	fact("first", msg.First.Format(time.RFC3339))
	fact("last", msg.Last.Format(time.RFC3339))
	var sample []string
	for _, a := range msg.Sample {
		sample = append(sample, a.String())
	}
	fact("from", strings.Join(sample, ", "))
	if msg.Undelivered > 0 {
		fact("undelivered", fmt.Sprintf("%d alerts before this one", msg.Undelivered))
	}
	fact("group", msg.ID)
	fact("record", msg.key())
	fact("lodoor", msg.Version)
	return b.String()
}
