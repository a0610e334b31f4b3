package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// searched is a session whose process was found after its open.
func searched(service string, at time.Time, o flow.Origin) []flow.Record {
	records := sessionOf(service, at)
	open, over := records[0], records[2]
	open.Origin = &flow.Origin{Attribution: flow.AttributionUIDOnly, UID: o.UID, User: o.User}
	over.Origin = &o
	origin := flow.Record{
		Time: at.Add(time.Second), Event: flow.EventSessionOrigin, Service: service, Session: open.Session, Peer: open.Peer,
		Origin: &o,
	}
	return []flow.Record{open, origin, over}
}

// TestLogsOrigin filters by what was found of processes. How that is shown is a matter of the terminal's own tests.
func TestLogsOrigin(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	shared := &flow.Process{PID: 31, Program: "node server.js", UID: 1001, User: "bob"}
	at := time.Date(2100, 3, 4, 15, 4, 0, 0, time.UTC)
	records := searched("one", at, flow.Origin{
		Attribution: flow.AttributionLiveSocket, UID: 1000, User: "ada", PID: 4242, Program: "psql",
	})
	records = append(records, searched("two", at.Add(time.Minute), flow.Origin{
		Attribution: flow.AttributionLiveSocket, UID: 1001, User: "bob", PID: 31, Program: "node server.js", Process: shared,
		Holders: []*flow.Process{shared, {PID: 32, Program: "nodemon", User: "root"}},
	})...)
	if err := writeJournal(dir, records...); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ flags, want string }{
		{"--event session.origin", "session.origin of one, session.origin of two"},
		{"--program psql", "session.origin of one, session.close of one"},
		{"--program psq", ""},
		{"--program node --event session.origin", "session.origin of two"},
		{"--program nodemon", "session.origin of two"},
		{"--user ada --event session.open", "session.open of one"},
		{"--user 1001 --event session.open", "session.open of two"},
		{"--user 0", "session.origin of two"},
		{"--program psql --user bob", ""},
		{"--program psql,node --user bob --event session.close", "session.close of two"},
	} {
		var out, errs strings.Builder
		args := append([]string{"logs", "--json", "--dir", dir}, strings.Fields(c.flags)...)
		if code := run(context.Background(), args, &out, &errs); code != exitOK || errs.Len() > 0 {
			t.Fatalf("%s: exit %d, %s", c.flags, code, errs.String())
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			e, err := journal.Decode([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Record.Event.String()+" of "+e.Record.Service)
		}
		if list := strings.Join(got, ", "); list != c.want {
			t.Errorf("%s shows %q, want %q", c.flags, list, c.want)
		}
	}
}
