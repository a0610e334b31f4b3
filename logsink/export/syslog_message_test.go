package export

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func parse5424(t *testing.T, line []byte) *rfc5424.SyslogMessage {
	t.Helper()
	m, err := rfc5424.NewParser(rfc5424.WithCompliantMsg()).Parse(line)
	if err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	return m.(*rfc5424.SyslogMessage)
}

// TestSyslogMessage has others' parser read what comes out, whatever a peer is called.
func TestSyslogMessage(t *testing.T) {
	from := testFrom()
	f := newSyslogFormat(SyslogSettings{Facility: "authpriv", EnterpriseNumber: 65000}, from, false)
	var _ syslog.Message = (*rfc5424.SyslogMessage)(nil)
	for _, e := range written(t, 3) {
		line, whole := f.message(&e)
		m := parse5424(t, line)
		if !whole || *m.Facility != 10 || *m.Hostname != "ada.example" || *m.Appname != "lodoor" ||
			*m.MsgID != e.Record.Event.String() || !m.Timestamp.Equal(e.Record.Time.Truncate(1000)) {
			t.Errorf("whole %v, %q", whole, line)
		}
		text := strings.TrimPrefix(*m.Message, bom)
		if want := string(from.Wrap(nil, e)); text != want {
			t.Errorf("message is %q, want %q", text, want)
		}
		if begins := text != *m.Message; begins == ascii([]byte(text)) {
			t.Errorf("a BOM: %v: %q", begins, *m.Message)
		}
		own := (*m.StructuredData)["lodoor@65000"]
		if own["journal"] != e.Identity.Journal || own["epoch"] != e.Identity.Epoch || own["hostId"] != from.Host.ID {
			t.Errorf("structured data %v", *m.StructuredData)
		}
		if origin := (*m.StructuredData)["origin"]; origin["software"] != "lodoor" || origin["swVersion"] != "v0.1.0" {
			t.Errorf("structured data %v", *m.StructuredData)
		}
	}
}

func TestSyslogSeverity(t *testing.T) {
	entries := written(t, 1)
	f := newSyslogFormat(SyslogSettings{}, testFrom(), false)
	for event, want := range map[flow.Event]string{
		flow.EventSessionOpen: "<134>1 ", flow.EventSessionRefused: "<132>1 ", flow.EventAlert: "<130>1 ",
	} {
		e := find(t, entries, event)
		if line, _ := f.message(&e); !strings.HasPrefix(string(line), want) {
			t.Errorf("%v: got %.20q, want %q", event, line, want)
		}
	}
}

// TestSyslogStrangeHost has names in it that the header could not carry.
func TestSyslogStrangeHost(t *testing.T) {
	from := From{Host: flow.Host{Name: "a da\n\x1bé", ID: `i"d]\`}, Version: "v 1]\n"}
	f := newSyslogFormat(SyslogSettings{EnterpriseNumber: 65000}, from, false)
	e := written(t, 1)[0]
	line, _ := f.message(&e)
	m := parse5424(t, line)
	if *m.Hostname != "ada" || (*m.StructuredData)["origin"]["swVersion"] != "v1]" ||
		(*m.StructuredData)["lodoor@65000"]["hostId"] != `i"d]\` {
		t.Errorf("%q: %v", line, *m.StructuredData)
	}
	f = newSyslogFormat(SyslogSettings{}, From{}, false)
	line, _ = f.message(&e)
	if m := parse5424(t, line); m.Hostname != nil || len(*m.StructuredData) != 1 {
		t.Errorf("%q", line)
	}
}

// TestSyslogTooLong replaces a record by a message that says so, with its identity.
func TestSyslogTooLong(t *testing.T) {
	f := newSyslogFormat(SyslogSettings{MaxMessage: 2048}, testFrom(), false)
	e := written(t, 1)[0]
	e.Line = append([]byte(`{"x":"`), append([]byte(strings.Repeat("é", 5000)), `"}`...)...)
	line, whole := f.message(&e)
	if whole || len(line) > 2048 {
		t.Fatalf("whole %v, %d bytes", whole, len(line))
	}
	var said struct {
		Journal struct{ ID, Epoch string }
		Record  struct {
			Seq     uint64
			Event   string
			Omitted int `json:"omitted_bytes"`
		}
	}
	if err := json.Unmarshal([]byte(*parse5424(t, line).Message), &said); err != nil {
		t.Fatal(err)
	}
	if said.Journal.ID != e.Identity.Journal || said.Journal.Epoch != e.Identity.Epoch ||
		said.Record.Seq != e.Identity.Seq ||
		said.Record.Event != "journal.start" || said.Record.Omitted != len(e.Line) {
		t.Errorf("got %+v", said)
	}
}

// TestSyslogLocal is what the socket of this machine's syslogd gets.
func TestSyslogLocal(t *testing.T) {
	f := newSyslogFormat(SyslogSettings{AppName: "door"}, testFrom(), true)
	e := journal.Entry{Line: []byte(`{"seq":1}`), Record: flow.Record{Event: flow.EventAlert}}
	line, _ := f.message(&e)
	head, rest, _ := strings.Cut(string(line), " door[")
	_, text, _ := strings.Cut(rest, "]: ")
	if len(head) != len("<134>Jan  1 00:00:00") || !strings.HasPrefix(head, "<134>") ||
		text != string(testFrom().Wrap(nil, e)) {
		t.Errorf("got %q", line)
	}
}
