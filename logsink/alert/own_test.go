package alert_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

func conditions(list ...alert.Condition) alert.Config {
	return alert.Config{Settings: alert.Settings{Conditions: list}}
}

// ended is the close of a session of psql, run by root, through sshd, whose counts are known.
func ended() flow.Record {
	r := opened("pg", "psql", "/usr/bin/psql")
	r.Event, r.Verdict = flow.EventSessionClose, nil
	r.Origin.UID, r.Origin.User, r.Origin.Forwarder = 0, "root", &flow.Forwarder{Name: "sshd", Own: true}
	r.Origin.Process.Container.ID, r.Origin.Process.Unit = "c0ffee", "shop.service"
	r.Outcome = &flow.Outcome{
		Known: true, End: flow.EndReset, EndedBy: flow.SideClient, Lane: "loop", FromClient: 100, FromBackend: 5_000_000,
		Duration: 90 * time.Second, Dial: time.Millisecond, FirstByte: 2 * time.Second,
	}
	return r
}

func TestExpressionsSeeTheRecord(t *testing.T) {
	unknown := flow.Record{Event: flow.EventSessionClose, Service: "pg", Outcome: &flow.Outcome{End: flow.EndCrashRecovered}}
	gate := gated(flow.CauseProtocol, "an HTTP request")
	many := refused("pg", flow.ZonePublic, flow.CauseTripwire, addr(7))
	many.Verdict.Rule, many.Refusal = "builtin.local-only", &flow.Refusal{Count: 9, Distinct: 3, Tripwire: true}
	conveyed := opened("web", "haproxy", "/usr/sbin/haproxy")
	conveyed.Peer.Conveyed = &flow.Conveyed{Client: addr(9), Zone: flow.ZoneLAN}
	night := opened("pg", "psql", "")
	night.Time = time.Date(2025, 3, 2, 3, 4, 5, 0, time.Local)
	gap := flow.Record{Event: flow.EventJournalGap, Journal: &flow.Journal{Count: 3, Reason: "queue full"}}
	broken := flow.Record{Event: flow.EventConfigRejected, Config: &flow.Config{Source: "a.yaml", Error: "x"}}
	tests := []struct {
		when string
		r    flow.Record
		want bool
	}{
		{`event == "session.close" and service == "pg" and zone == "loopback"`, ended(), true},
		{`uid == 0 and user == "root" and attribution == "live_socket"`, ended(), true},
		{`program == "psql" && executable == "/usr/bin/psql"`, ended(), true},
		{`container == "c0ffee" and unit == "shop.service" and forwarder == "sshd"`, ended(), true},
		{`session.end == "reset" and session.ended_by == "client" and session.lane == "loop"`, ended(), true},
		{`session.bytes_from_backend > 1000000 and session.bytes_from_client == 100`, ended(), true},
		{`session.duration > duration("1m") and session.first_byte > duration("1s")`, ended(), true},
		{`session.dial < duration("1ms")`, ended(), false},
		{`error.type == "reset"`, ended(), true},
		{`error.type != ""`, reached("pg", 0), false},
		{`session.bytes_from_client < 1000`, unknown, false}, // it is not known, and 0 would be less
		{`session.bytes_from_client >= 0 or true`, opened("pg", "psql", ""), false},
		{`session.end == "crash_recovered" and error.type == "crash_recovered"`, unknown, true},
		{`uid == 0`, unknown, false},
		{`uid == -1 and user == "" and program == ""`, unknown, true},
		{`rule.name == "gate.http" and rule.action == "deny" and rule.cause == "protocol"`, gate, true},
		{`rule.reason contains "HTTP"`, gate, true},
		{`refused.count == 9 and refused.distinct == 3 and refused.tripwire`, many, true},
		{`rule.cause == "tripwire" and rule.name startsWith "builtin."`, many, true},
		{`client.address == "198.18.0.7" and client.port == 4444 and inCIDR(client.address, "198.18.0.0/15")`, many, true},
		{`client.address == "198.18.0.9" and client.zone == "lan" and zone == "loopback"`, conveyed, true},
		{`inCIDR(client.address, "10.0.0.0/8")`, unknown, false},
		{`hour < 6 and weekday in ["saturday", "sunday"]`, night, true},
		{`journal.count == 3 and journal.reason == "queue full"`, gap, true},
		{`config.source == "a.yaml" and config.error != ""`, broken, true},
	}
	for _, test := range tests {
		inBubble(t, conditions(alert.Condition{Name: "mine", When: test.when}), func(b *bell) {
			b.give(test.r)
			got := false
			for _, r := range b.rang {
				got = got || r.Alert.Condition == "mine"
			}
			if got != test.want {
				t.Errorf("%s of %s: %v", test.when, test.r.Event, got)
			}
		})
	}
}

func TestConditionsCountByFields(t *testing.T) {
	c := alert.Condition{
		Name: "scan", When: `event == "session.refused"`, Window: "count() > 3 in 1m by service, client.address",
		Severity: "critical", Message: "somebody tries again and again",
	}
	s := conditions(c)
	s.Settings.Disable = []string{"non_local_peer", "burst"}
	inBubble(t, s, func(b *bell) {
		knock := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
		want(t, b.give(knock, knock, knock, refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(2))))
		want(t, b.give(knock), `pg: scan: somebody tries again and again; count() is 4 in 1m0s (service "pg", client.address "198.18.0.1")`)
		a := b.last()
		if a.Severity != flow.SeverityCritical || a.Condition != "scan" || b.rang[0].Service != "pg" ||
			fmt.Sprint(a.By) != "[{service pg} {client.address 198.18.0.1}]" {
			t.Errorf("alert %+v", a)
		}
		for i := range uint32(3) {
			many := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(10+i))
			many.Refusal = &flow.Refusal{Count: 4} // counts as so many
			if got := b.give(many); len(got) != 1 {
				t.Errorf("got %q", got)
			}
		}
		b.pass(61 * time.Second)
		want(t, b.give(knock))
	})
}

func TestConditionsOfOtherMeasures(t *testing.T) {
	const closes = `event == "session.close"`
	tests := []struct {
		window  string
		message string
	}{
		{"sum(session.bytes_from_backend) > 14999999 in 1h by program",
			`mine: sum(session.bytes_from_backend) is 15000000 in 1h0m0s (program "psql")`},
		{"max(session.duration) >= 90s in 1h", `mine: max(session.duration) is 1m30s in 1h0m0s`},
		{"distinct(service) == 1 in 1h by user", `mine: distinct(service) is 1 in 1h0m0s (user "root")`},
		{"count() == 3 in 1h by uid", `mine: count() is 3 in 1h0m0s (uid "0")`},
	}
	for _, test := range tests {
		inBubble(t, conditions(alert.Condition{Name: "mine", When: closes, Window: test.window}), func(b *bell) {
			want(t, b.give(ended(), ended(), ended()), test.message)
		})
	}
}

func TestConditionsAreResolved(t *testing.T) {
	c := alert.Condition{Name: "slow", When: `session.duration > duration("1m")`, ResolveAfter: 10 * time.Minute}
	inBubble(t, conditions(c), func(b *bell) {
		want(t, b.give(ended()), "pg: slow")
		want(t, b.pass(9*time.Minute))
		want(t, b.give(ended()))
		want(t, b.pass(10*time.Minute), "pg: slow, 2 events in 9m0s", "pg: slow: resolved after 19m0s; 2 events")
		if a := b.last(); !a.Resolved || len(b.a.Active()) != 0 {
			t.Errorf("resolved by %+v; active %+v", a, b.a.Active())
		}
	})
}

// An expression that fails says so, and holds up nothing.
func TestExpressionsThatFail(t *testing.T) {
	c := conditions(alert.Condition{Name: "odd", When: `inCIDR(client.address, program)`}, alert.Condition{Name: "good", When: `service == "pg"`})
	inBubble(t, c, func(b *bell) {
		got := b.give(opened("pg", "psql", ""))
		if len(got) != 2 || !strings.Contains(got[0], `condition odd cannot be asked: line 1, column 1: "psql" is no range of addresses`) ||
			got[1] != "pg: good" {
			t.Errorf("got %q", got)
		}
	})
}

func TestKeysOfAWindowAreBounded(t *testing.T) {
	c := conditions(alert.Condition{Name: "many", When: `event == "session.open"`, Window: "count() > 1 in 1h by program"})
	inBubble(t, c, func(b *bell) {
		for range 2 {
			for i := range 1100 {
				b.give(opened("pg", fmt.Sprint("p", i), ""))
			}
		}
		n, others := 0, ""
		for _, s := range b.a.Active() {
			switch {
			case s.Condition == "many" && s.By[0].Value == "(others)":
				others = s.Message
			case s.Condition == "many":
				n++
			}
		}
		if n > 256 || !strings.Contains(others, `(program "(others)")`) {
			t.Errorf("%d groups, and %q", n, others)
		}
	})
}

func TestReloadKeepsWhatItCan(t *testing.T) {
	scan := alert.Condition{Name: "scan", When: `event == "session.refused"`, Window: "count() > 2 in 1h"}
	s := conditions(scan)
	inBubble(t, s, func(b *bell) {
		knock := refused("pg", flow.ZonePublic, flow.CauseNonLocal, addr(1))
		want(t, b.give(knock, knock), "pg: refused 198.18.0.1:4444: the reason")
		next := alert.Settings{
			Disable:    []string{"denied"},
			Conditions: []alert.Condition{{Name: "another", When: `service == "x"`}, scan},
		}
		if err := b.a.Reload(next); err != nil {
			t.Fatal(err)
		}
		want(t, b.give(knock, refused("pg", flow.ZoneLAN, flow.CauseRule, addr(1))), "scan: count() is 3 in 1h0m0s")
		if n := len(b.a.Active()); n != 2 {
			t.Errorf("%d groups are active", n)
		}
		bad := alert.Settings{Disable: []string{"x"}}
		if err := b.a.Reload(bad); err == nil || !strings.HasPrefix(err.Error(), `alerts: disable[0]: there is no built-in condition "x": expected one of`) {
			t.Errorf("reload: %v", err)
		}
		want(t, b.give(refused("pg", flow.ZoneLAN, flow.CauseRule, addr(1))))
	})
}
