package main

import (
	"fmt"
	"io"
	"time"

	"github.com/lodoor/lodoor/logsink/operations"
	"github.com/lodoor/lodoor/proxy/flow"
)

// showJSON writes the rows of one table, one object a line; of the page that is the statements.
func (q *queries) showJSON(out io.Writer) error {
	rows := q.jsonRows(q.view.by, q.view.limit)
	for _, row := range rows {
		if err := writeJSON(out, row); err != nil {
			return err
		}
	}
	return nil
}

func (q *queries) jsonRows(by queryOrder, n int) (rows []any) {
	switch by {
	case byErrors:
		for _, f := range q.table.Failures(n) {
			rows = append(rows, failureJSON{f.Service, f.Status, f.Error, f.Count, f.Name, f.Text, f.Program, f.Last})
		}
	case byProgram:
		for _, p := range q.table.Programs(n) {
			rows = append(rows, programJSON{p.Service, p.Program, p.Count, p.Errors, p.Total, p.FromClient, p.FromBackend, p.Last})
		}
	case byLoop:
		for _, s := range q.table.Suspects(n) {
			rows = append(rows, suspectOf(s))
		}
	case byIdle:
		for _, i := range q.table.Idle(q.now, n) {
			rows = append(rows, idleJSON{i.Service, i.Program, i.Session, i.Statement, i.Since, i.For, !i.Over, i.Failed})
		}
	default:
		for _, s := range q.table.Statements(by.statementOrder(), n) {
			rows = append(rows, statementOf(s))
		}
	}
	return rows
}

// statementJSON is a row of statements as other programs get it; times are nanoseconds.
type statementJSON struct {
	Service     string            `json:"service"`
	System      string            `json:"system,omitempty"`
	Operation   string            `json:"operation,omitempty"`
	Kind        string            `json:"kind,omitempty"`
	Fingerprint string            `json:"fingerprint,omitempty"`
	Text        string            `json:"text,omitempty"`
	Calls       uint64            `json:"calls"`
	Errors      uint64            `json:"errors"`
	Unfinished  uint64            `json:"unfinished"`
	Rows        uint64            `json:"rows"`
	FromClient  uint64            `json:"bytes_from_client"`
	FromBackend uint64            `json:"bytes_from_backend"`
	Total       time.Duration     `json:"total_ns"`
	Mean        time.Duration     `json:"mean_ns"`
	FirstByte   time.Duration     `json:"mean_first_byte_ns"`
	P50         time.Duration     `json:"p50_ns"`
	P95         time.Duration     `json:"p95_ns"`
	P99         time.Duration     `json:"p99_ns"`
	Max         time.Duration     `json:"max_ns"`
	Last        time.Time         `json:"last"`
	Programs    map[string]uint64 `json:"programs,omitempty"` // calls; "" are those without a name, and the rest of many
}

func statementOf(s *operations.Statement) statementJSON {
	return statementJSON{
		Service: s.Service, System: s.System, Operation: s.Name, Kind: s.Kind, Fingerprint: fingerprintText(s.Fingerprint),
		Text: s.Text, Calls: s.Count, Errors: s.Errors, Unfinished: s.Unfinished, Rows: s.Rows, FromClient: s.FromClient,
		FromBackend: s.FromBackend, Total: s.Total, Mean: s.Mean(), FirstByte: s.FirstByte / time.Duration(max(1, s.Count)),
		P50: s.Quantile(0.5), P95: s.Quantile(0.95), P99: s.Quantile(0.99), Max: s.Max, Last: s.Last, Programs: s.Programs,
	}
}

// fingerprintText is a fingerprint as the journal has it; empty for none.
func fingerprintText(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%016x", n)
}

type failureJSON struct {
	Service   string    `json:"service"`
	Status    string    `json:"status,omitempty"`
	Error     string    `json:"error,omitempty"` // of the last one, as what follows
	Calls     uint64    `json:"calls"`
	Operation string    `json:"operation,omitempty"`
	Text      string    `json:"text,omitempty"`
	Program   string    `json:"program,omitempty"`
	Last      time.Time `json:"last"`
}

type programJSON struct {
	Service     string        `json:"service"`
	Program     string        `json:"program,omitempty"`
	Calls       uint64        `json:"calls"`
	Errors      uint64        `json:"errors"`
	Total       time.Duration `json:"total_ns"`
	FromClient  uint64        `json:"bytes_from_client"`
	FromBackend uint64        `json:"bytes_from_backend"`
	Last        time.Time     `json:"last"`
}

type suspectJSON struct {
	Service           string         `json:"service"`
	Text              string         `json:"text"`
	Fingerprint       string         `json:"fingerprint"`
	Behind            string         `json:"behind"`
	BehindFingerprint string         `json:"behind_fingerprint"`
	Most              int            `json:"most"` // calls within a second, or a little less: within_ns
	Within            time.Duration  `json:"within_ns"`
	Session           flow.SessionID `json:"session"`
	Program           string         `json:"program,omitempty"`
	Seen              uint64         `json:"seen"`
	Calls             uint64         `json:"calls"` // in all of them
	Total             time.Duration  `json:"total_ns"`
	Last              time.Time      `json:"last"`
}

func suspectOf(s *operations.Suspect) suspectJSON {
	return suspectJSON{
		Service: s.Service, Text: s.Statement, Fingerprint: fingerprintText(s.Fingerprint), Behind: s.Behind,
		BehindFingerprint: fingerprintText(s.BehindFingerprint), Most: s.Most, Within: s.Within, Session: s.Session,
		Program: s.Program, Seen: s.Times, Calls: s.Count, Total: s.Total, Last: s.Last,
	}
}

type idleJSON struct {
	Service string         `json:"service"`
	Program string         `json:"program,omitempty"`
	Session flow.SessionID `json:"session"`
	Behind  string         `json:"behind"`
	Since   time.Time      `json:"since"`
	For     time.Duration  `json:"for_ns"`
	Open    bool           `json:"open"`
	Failed  bool           `json:"failed"`
}
