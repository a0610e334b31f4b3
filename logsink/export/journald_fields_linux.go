package export

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// journaldFields makes entries of systemd's journal.
type journaldFields struct {
	from From
	out  []byte
}

// encode is valid until the next call. A field that has nothing to say is left out.
func (f *journaldFields) encode(e *journal.Entry) []byte {
	f.out = f.out[:0]
	f.add("MESSAGE", summary(&e.Record))
	f.add("PRIORITY", strconv.Itoa(syslogSeverity(&e.Record)))
	f.add("SYSLOG_IDENTIFIER", "lodoor")
	f.add("LODOOR_EVENT", e.Record.Event.String())
	f.add("LODOOR_SERVICE", e.Record.Service)
	f.add("LODOOR_SESSION", e.Record.Session.String())
	f.add("LODOOR_JOURNAL", e.Identity.Journal)
	f.add("LODOOR_EPOCH", e.Identity.Epoch)
	f.add("LODOOR_SEQ", strconv.FormatUint(e.Identity.Seq, 10))
	f.add("LODOOR_VERSION", f.from.Version)
	f.add("LODOOR_HOST_NAME", f.from.Host.Name)
	f.add("LODOOR_HOST_ID", f.from.Host.ID)
	f.add("LODOOR_RECORD", string(e.Line))
	return f.out
}

// add writes NAME=VALUE and a newline; a value with a newline in it comes with its length before it.
func (f *journaldFields) add(name, value string) {
	switch {
	case value == "":
	case bytes.IndexByte([]byte(value), '\n') < 0:
		f.out = append(append(append(append(f.out, name...), '='), value...), '\n')
	default:
		f.out = append(append(f.out, name...), '\n')
		f.out = binary.LittleEndian.AppendUint64(f.out, uint64(len(value)))
		f.out = append(append(f.out, value...), '\n')
	}
}

// summary is one line for people. What a peer or a file says is quoted, so that nothing in it acts on a terminal.
func summary(r *flow.Record) string {
	text := r.Event.String()
	switch {
	case r.Alert != nil:
		text = fmt.Sprintf("alert (%s): %s", r.Alert.Severity, visible(r.Alert.Message))
	case r.Refusal != nil && r.Verdict != nil:
		text = fmt.Sprintf("refused %d connections: %s", max(r.Refusal.Count, 1), visible(r.Verdict.Reason))
	case r.Outcome != nil:
		text = fmt.Sprintf("session %s ended: %s%s", r.Session.Short(), r.Outcome.End, detail(r.Outcome.Detail))
	case r.Operation != nil:
		text = fmt.Sprintf("session %s %s", r.Session.Short(), asked(r))
	case r.Event == flow.EventSessionOpen:
		text = fmt.Sprintf("session %s opened by %s", r.Session.Short(), who(r))
	case r.Event == flow.EventSessionOrigin:
		text = fmt.Sprintf("session %s is of %s", r.Session.Short(), who(r))
	case r.Config != nil:
		text += detail(r.Config.Error)
	case r.Journal != nil:
		text += detail(r.Journal.Reason)
	}
	if r.Service != "" {
		text = visible(r.Service) + ": " + text
	}
	return text
}

// askedMax is how many bytes of what was asked are in the line for people; the record has them all.
const askedMax = 200

// asked is what was asked in an operation, and what came of it.
func asked(r *flow.Record) string {
	o := r.Operation
	what := o.Name
	if what == "" {
		what = o.Kind
	}
	outcome := "asked"
	switch {
	case o.Unfinished:
		outcome = "was cut off in"
	case o.Failed:
		outcome = "failed with"
	}
	text := fmt.Sprintf("%s %s in %s", outcome, visible(what), max(0, r.Time.Sub(o.Started)).Round(time.Microsecond))
	if o.Status != "" {
		text += " (" + visible(o.Status) + ")"
	}
	if len(o.Text) > askedMax {
		return text + detail(o.Text[:askedMax]) + "..."
	}
	return text + detail(o.Text)
}

func detail(words string) string {
	if words == "" {
		return ""
	}
	return ": " + visible(words)
}

// who is the peer's process, or its address when that is not known.
func who(r *flow.Record) string {
	switch {
	case r.Origin != nil && r.Origin.Program != "":
		return fmt.Sprintf("%s (process %d)", visible(r.Origin.Program), r.Origin.PID)
	case r.Peer != nil && r.Peer.Addr.IsValid():
		return r.Peer.Addr.String()
	default:
		return "somebody unknown"
	}
}

// visible escapes what a terminal would not show, as Go does in a literal.
func visible(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}
