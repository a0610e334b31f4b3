package main

import (
	"cmp"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// tableColumns are the columns of a table, in their order: docs/logs.md says what they mean. New ones come behind.
func tableColumns() []string {
	return []string{
		"seq", "time", "event", "service", "session", "zone", "client", "program", "pid", "user", "forwarder", "verdict",
		"rule", "cause", "reason", "bytes_from_client", "bytes_from_backend", "duration_ns", "end", "ended_by", "count",
		"condition", "severity", "message", "journal", "epoch", "operation", "query", "status", "rows",
	}
}

// logTable shows records as comma-separated values, RFC 4180.
type logTable struct {
	out    *csv.Writer
	headed bool
	row    []string
}

func newLogTable(out io.Writer) *logTable {
	t := &logTable{out: csv.NewWriter(out)}
	t.out.UseCRLF = true
	return t
}

func (t *logTable) takes(*journal.Entry) bool { return true }

func (t *logTable) record(e *journal.Entry) error {
	if err := t.head(); err != nil {
		return err
	}
	r := &e.Record
	t.row = append(t.row[:0],
		strconv.FormatUint(e.Identity.Seq, 10), r.Time.UTC().Format(time.RFC3339Nano), r.Event.String(), r.Service,
		sessionCell(r.Session))
	t.row = append(t.row, peerCells(r)...)
	t.row = append(t.row, verdictCells(r)...)
	t.row = append(t.row, outcomeCells(r)...)
	t.row = append(t.row, otherCells(r)...)
	t.row = append(t.row, e.Identity.Journal, e.Identity.Epoch)
	t.row = append(t.row, operationCells(r.Operation)...)
	for i := range t.row {
		t.row[i] = cell(t.row[i])
	}
	return t.out.Write(t.row)
}

func (t *logTable) head() error {
	if t.headed {
		return nil
	}
	t.headed = true
	return t.out.Write(tableColumns())
}

// end writes the header where no record has come, so that a table is one even when it is empty.
func (t *logTable) end() error {
	if err := t.head(); err != nil {
		return err
	}
	t.out.Flush()
	return t.out.Error()
}

// cell makes a text safe for terminals, and for spreadsheets, which take it for a formula by its first character:
// https://owasp.org/www-community/attacks/CSV_Injection.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		s = "'" + s
	}
	return terminal.Visible(s)
}

func sessionCell(id flow.SessionID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// peerCells are zone, client, program, pid, user, forwarder.
func peerCells(r *flow.Record) []string {
	cells := make([]string, 6)
	if p := r.Peer; p != nil {
		cells[0] = p.Zone.String()
		client := p.Addr
		if p.Conveyed != nil {
			client = p.Conveyed.Client
		}
		if client.IsValid() {
			cells[1] = client.String()
		}
	}
	o := r.Origin
	if o == nil || !o.Known() {
		return cells
	}
	cells[2], cells[4] = o.Program, o.User
	if o.PID != 0 {
		cells[3] = strconv.Itoa(o.PID)
	}
	if o.User == "" {
		cells[4] = strconv.FormatUint(uint64(o.UID), 10)
	}
	if o.Forwarder != nil {
		cells[5] = o.Forwarder.Name
	}
	return cells
}

// verdictCells are verdict, rule, cause, reason.
func verdictCells(r *flow.Record) []string {
	v := r.Verdict
	if v == nil {
		return make([]string, 4)
	}
	return []string{v.Action.String(), v.Rule, v.Cause.String(), v.Reason}
}

// outcomeCells are the bytes, the duration, end, and who ended it. What is not known is empty.
func outcomeCells(r *flow.Record) []string {
	cells := make([]string, 5)
	if a := r.Operation; a != nil {
		cells[0], cells[1] = strconv.FormatUint(a.FromClient, 10), strconv.FormatUint(a.FromBackend, 10)
		cells[2] = strconv.FormatInt(max(0, r.Time.Sub(a.Started).Nanoseconds()), 10)
	}
	o := r.Outcome
	if o == nil {
		return cells
	}
	if o.Known {
		cells[0] = strconv.FormatUint(o.FromClient, 10)
		cells[1] = strconv.FormatUint(o.FromBackend, 10)
		cells[2] = strconv.FormatInt(o.Duration.Nanoseconds(), 10)
	}
	cells[3], cells[4] = o.End.String(), o.EndedBy.String()
	return cells
}

// operationCells are what was asked, its text, the status and the rows of the answer.
func operationCells(o *flow.Operation) []string {
	if o == nil {
		return make([]string, 4)
	}
	rows := ""
	if o.Rows >= 0 {
		rows = strconv.FormatInt(o.Rows, 10)
	}
	return []string{cmp.Or(o.Name, o.Kind), o.Text, o.Status, rows}
}

// otherCells are count, condition, severity, message: of a refusal, an alert, a configuration, or the journal.
func otherCells(r *flow.Record) []string {
	cells := make([]string, 4)
	switch {
	case r.Refusal != nil:
		cells[0] = strconv.FormatUint(r.Refusal.Count, 10)
	case r.Alert != nil:
		cells = []string{
			strconv.FormatUint(r.Alert.Count, 10), r.Alert.Condition, r.Alert.Severity.String(), r.Alert.Message,
		}
	case r.Config != nil:
		cells[3] = r.Config.Error
	case r.Journal != nil:
		if r.Journal.Count > 0 {
			cells[0] = strconv.FormatUint(r.Journal.Count, 10)
		}
		cells[3] = r.Journal.Reason
	case r.Outcome != nil:
		cells[3] = r.Outcome.Detail
	case r.Operation != nil:
		cells[3] = r.Operation.Error
	}
	return cells
}
