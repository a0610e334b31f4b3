package operations_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// asked is an operation of a session that began at a time and took so long.
func asked(id flow.SessionID, text string, fingerprint uint64, at time.Time, took time.Duration) *flow.Record {
	return &flow.Record{
		Time: at.Add(took), Event: flow.EventOperation, Service: "db", Session: id,
		Origin: &flow.Origin{Program: "shop"},
		Operation: &flow.Operation{
			Protocol: "postgres", System: "postgresql", Name: "SELECT", Text: text, Fingerprint: fingerprint, Rows: 1,
			Started: at, LastByte: took, FirstByte: took / 2, FromClient: 10, FromBackend: 100, Transaction: "idle",
		},
	}
}

func begin() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
