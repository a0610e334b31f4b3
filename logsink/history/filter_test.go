package history_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMatches(t *testing.T) {
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	id := flow.NewSessionID()
	node := &flow.Process{PID: 7, Program: "node server.js", UID: 1001, User: "ada"}
	e := &journal.Entry{Line: []byte(`{"seq":1,"event":"session.open"}`), Record: flow.Record{
		Time: noon, Event: flow.EventSessionOpen, Service: "pg", Session: id,
		Peer: &flow.Peer{Zone: flow.ZoneLoopback, Conveyed: &flow.Conveyed{Zone: flow.ZoneLAN}},
		Origin: &flow.Origin{
			Attribution: flow.AttributionLiveSocket, UID: 0, User: "root", Program: "psql",
			Holders: []*flow.Process{{PID: 8, Program: "psql"}, node}, Forwarder: &flow.Forwarder{Zone: flow.ZonePublic},
		},
		Verdict: &flow.Verdict{Action: flow.Allow},
	}}
	alert := &journal.Entry{Record: flow.Record{
		Event: flow.EventAlert, Alert: &flow.Alert{Zone: flow.ZoneVPN, Program: "curl -s"},
	}}
	unknown := &journal.Entry{Record: flow.Record{
		Peer: &flow.Peer{}, Origin: &flow.Origin{Program: "psql", User: "ada", UID: 1001},
	}}
	for _, tc := range []struct {
		name string
		want bool
		e    *journal.Entry
		f    history.Filter
	}{
		{"nothing is asked", true, e, history.Filter{}},
		{"since then", true, e, history.Filter{Since: noon}},
		{"since later", false, e, history.Filter{Since: noon.Add(1)}},
		{"until then", false, e, history.Filter{Until: noon}},
		{"until later", true, e, history.Filter{Until: noon.Add(1)}},
		{"one service of two", true, e, history.Filter{Services: []string{"my", "pg"}}},
		{"another service", false, e, history.Filter{Services: []string{"my"}}},
		{"peer's zone", true, e, history.Filter{Zones: []string{"loopback"}}},
		{"client's zone", true, e, history.Filter{Zones: []string{"lan"}}},
		{"far end's zone", true, e, history.Filter{Zones: []string{"public"}}},
		{"alert's zone", true, alert, history.Filter{Zones: []string{"vpn"}}},
		{"another zone", false, e, history.Filter{Zones: []string{"vpn"}}},
		{"unknown zone", true, unknown, history.Filter{Zones: []string{"unknown"}}},
		{"program", true, e, history.Filter{Programs: []string{"psql"}}},
		{"a holder's program", true, e, history.Filter{Programs: []string{"node server.js"}}},
		{"interpreter", true, e, history.Filter{Programs: []string{"node"}}},
		{"alert's program", true, alert, history.Filter{Programs: []string{"curl"}}},
		{"part of a word", false, e, history.Filter{Programs: []string{"nod", "psq", "server.js"}}},
		{"program of what is not known", false, unknown, history.Filter{Programs: []string{"psql"}}},
		{"user", true, e, history.Filter{Users: []string{"root"}}},
		{"number", true, e, history.Filter{Users: []string{"0"}}},
		{"a holder's user", true, e, history.Filter{Users: []string{"ada"}}},
		{"a holder's number", true, e, history.Filter{Users: []string{"1001"}}},
		{"another user", false, e, history.Filter{Users: []string{"bob", "1"}}},
		{"user of what is not known", false, unknown, history.Filter{Users: []string{"ada"}}},
		{"verdict", true, e, history.Filter{Verdicts: []string{"deny", "allow"}}},
		{"another verdict", false, e, history.Filter{Verdicts: []string{"deny"}}},
		{"no verdict", false, alert, history.Filter{Verdicts: []string{"deny"}}},
		{"event", true, e, history.Filter{Events: []flow.Event{flow.EventSessionOpen}}},
		{"another event", false, e, history.Filter{Events: []flow.Event{flow.EventAlert}}},
		{"session", true, e, history.Filter{Session: id}},
		{"another session", false, e, history.Filter{Session: flow.NewSessionID()}},
		{"grep", true, e, history.Filter{Grep: regexp.MustCompile(`session\.op`)}},
		{"grep for something else", false, e, history.Filter{Grep: regexp.MustCompile(`close`)}},
		{"all of them", true, e, history.Filter{
			Services: []string{"pg"}, Zones: []string{"lan"}, Programs: []string{"psql"}, Users: []string{"ada"}, Limit: 1,
		}},
		{"all but one", false, e, history.Filter{Services: []string{"pg"}, Zones: []string{"lan"}, Users: []string{"bob"}}},
	} {
		if got := tc.f.Matches(tc.e); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func TestFilterValidate(t *testing.T) {
	now := time.Now()
	good := history.Filter{Zones: []string{"lan"}, Verdicts: []string{"would_deny"}, Since: now.Add(-1), Until: now, Limit: 3}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	bad := history.Filter{Zones: []string{"moon"}, Verdicts: []string{"need"}, Since: now, Until: now, Limit: -1}
	err := bad.Validate()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, words := range []string{`zone: unknown zone "moon": expected one of`, `verdict: unknown verdict "need"`, "until: ", "limit: -1"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
	}
}
