package export

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// bom comes before a message that has more than ASCII in it (RFC 5424, section 6.4); one of ASCII needs none, and
	// readers of JSON stumble over it.
	bom = "\ufeff"
	// syslogTime has what RFC 5424, section 6.2.3, allows: six digits.
	syslogTime = "2006-01-02T15:04:05.000000Z"

	maxHostname = 255
	maxMsgID    = 32
	maxVersion  = 32
)

// syslogFormat makes messages. Each is From.Wrap's line of JSON behind the header of RFC 5424, or, for the socket of
// this machine's own syslogd, behind what syslog(3) sends: rsyslog takes nothing else there (its issue 4749).
type syslogFormat struct {
	from     From
	facility int
	host     string
	app      string
	pid      string
	number   uint32 // enterprise number, or 0
	max      int
	local    bool
	line     []byte // of the message that is being made
}

func newSyslogFormat(s SyslogSettings, from From, local bool) *syslogFormat {
	return &syslogFormat{
		from: from, local: local, number: s.EnterpriseNumber,
		facility: slices.Index(facilities(), cmp.Or(s.Facility, "local0")),
		host:     cmp.Or(printable(from.Host.Name, maxHostname), "-"),
		app:      cmp.Or(s.AppName, "lodoor"),
		pid:      strconv.Itoa(os.Getpid()),
		max:      int(cmp.Or(s.MaxMessage, defaultMaxMessage)),
	}
}

// message is valid until the next one. A record that is too long is replaced, and whole is false.
func (f *syslogFormat) message(e *journal.Entry) (line []byte, whole bool) {
	f.line = f.append(f.line[:0], e)
	if len(f.line) <= f.max {
		return f.line, true
	}
	return f.omitted(e), false
}

// omitted says of a record that it was too long to be sent: its number and time, its event and length.
func (f *syslogFormat) omitted(e *journal.Entry) []byte {
	line := strconv.AppendUint([]byte(`{"seq":`), e.Identity.Seq, 10)
	line = append(line, `,"time":"`...)
	line = e.Record.Time.UTC().AppendFormat(line, "2006-01-02T15:04:05.000000000Z")
	line = append(line, `","event":"`...)
	line = append(line, e.Record.Event.String()...)
	line = append(line, `","omitted_bytes":`...)
	line = strconv.AppendInt(line, int64(len(e.Line)), 10)
	f.line = f.append(f.line[:0], &journal.Entry{Identity: e.Identity, Record: e.Record, Line: append(line, '}')})
	return f.line
}

func (f *syslogFormat) append(dst []byte, e *journal.Entry) []byte {
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(f.facility<<3|syslogSeverity(&e.Record)), 10)
	dst = append(dst, '>')
	if f.local {
		dst = e.Record.Time.Local().AppendFormat(dst, time.Stamp)
		dst = append(dst, " "+f.app+"["+f.pid+"]: "...)
		return f.from.Wrap(dst, *e)
	}
	dst = append(dst, "1 "...)
	dst = e.Record.Time.UTC().AppendFormat(dst, syslogTime)
	event := cmp.Or(printable(e.Record.Event.String(), maxMsgID), "-")
	dst = append(dst, " "+f.host+" "+f.app+" "+f.pid+" "+event+" "...)
	dst = f.structured(dst, e.Identity)
	dst = append(dst, ' ')
	begin := len(dst)
	if dst = f.from.Wrap(dst, *e); !ascii(dst[begin:]) {
		dst = slices.Insert(dst, begin, bom[0], bom[1], bom[2])
	}
	return dst
}

// structured has the registered element "origin" (RFC 5424, section 7.2). One of our own would need an enterprise
// number (section 6.3.2), which lodoor does not have, and 32473 is for documentation: so there is one only with a
// number of the user's.
func (f *syslogFormat) structured(dst []byte, id flow.Identity) []byte {
	dst = append(dst, `[origin software="lodoor"`...)
	if v := printable(f.from.Version, maxVersion); v != "" {
		dst = parameter(dst, "swVersion", v)
	}
	dst = append(dst, ']')
	if f.number == 0 {
		return dst
	}
	dst = append(dst, "[lodoor@"...)
	dst = strconv.AppendUint(dst, uint64(f.number), 10)
	dst = parameter(dst, "journal", id.Journal)
	dst = parameter(dst, "epoch", id.Epoch)
	dst = parameter(dst, "seq", strconv.FormatUint(id.Seq, 10))
	dst = parameter(dst, "hostId", f.from.Host.ID)
	return append(dst, ']')
}

// parameter escapes what section 6.3.3 says.
func parameter(dst []byte, name, value string) []byte {
	value = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(value)
	return append(dst, " "+name+`="`+value+`"`...)
}

func ascii(text []byte) bool {
	for _, b := range text {
		if b >= 0x80 {
			return false
		}
	}
	return true
}

// syslogSeverity is a record's in the numbers of RFC 5424, section 6.2.1, which journald has, too.
func syslogSeverity(r *flow.Record) int {
	switch severityOf(r) {
	case flow.SeverityCritical:
		return 2
	case flow.SeverityWarning:
		return 4
	default:
		return 6
	}
}
