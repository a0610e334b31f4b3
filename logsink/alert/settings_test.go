package alert_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
)

func TestSettingsValidate(t *testing.T) {
	own := func(c alert.Condition) alert.Settings {
		if c.Name == "" {
			c.Name = "mine"
		}
		return alert.Settings{Conditions: []alert.Condition{c}}
	}
	when := func(text string) alert.Settings { return own(alert.Condition{When: text}) }
	window := func(text string) alert.Settings { return own(alert.Condition{When: "true", Window: text}) }
	tests := []struct {
		s    alert.Settings
		want string // empty: nothing is wrong
	}{
		{alert.Settings{}, ""},
		{alert.Settings{Repeat: time.Minute, Wait: time.Hour, Threshold: 5, Disable: []string{"limit", "burst"}}, ""},
		{alert.Settings{Severity: []alert.Override{{"denied", "info"}, {"journal", "warning"}}}, ""},
		{when(`service == "pg"`), ""},
		{window("count() > 20 in 1m by service"), ""},
		{alert.Settings{Repeat: time.Millisecond}, "repeat: 1ms is too short: expected at least 1s, or 0 for 1m0s"},
		{alert.Settings{Repeat: -1}, "repeat: -1ns is too short"},
		{alert.Settings{Wait: -1}, "wait: -1ns: expected a duration from 0 to 1h0m0s"},
		{alert.Settings{Wait: 2 * time.Hour}, "wait: 2h0m0s: expected"},
		{alert.Settings{Threshold: -1}, "threshold: -1 is negative: expected a number of events, or 0 for 1"},
		{alert.Settings{Disable: []string{"limit", "x"}}, `disable[1]: there is no built-in condition "x": expected one of backend_down, burst,`},
		{alert.Settings{Disable: []string{"disk"}}, "disable[0]: disk cannot be switched off: a silence"},
		{alert.Settings{Severity: []alert.Override{{"x", "info"}}}, `severity[0].condition: there is no built-in condition "x"`},
		{alert.Settings{Severity: []alert.Override{{"denied", "bad"}}}, `severity[0].severity: unknown severity "bad": expected one of info, warning, critical`},
		{alert.Settings{Severity: []alert.Override{{"denied", "info"}, {"denied", "info"}}}, "severity[1].condition: denied is given twice"},
		{alert.Settings{Conditions: make([]alert.Condition, 65)}, "conditions: there are 65: at most 64 are allowed"},
		{own(alert.Condition{Name: "No", When: "true"}), `conditions[0].name: "No": expected at most 64 of a to z, 0 to 9 and _`},
		{own(alert.Condition{Name: "limit", When: "true"}), "conditions[0].name: limit is a built-in condition"},
		{alert.Settings{Conditions: []alert.Condition{{When: "true"}}}, "conditions[0].name: every condition needs one"},
		{alert.Settings{Conditions: []alert.Condition{{Name: "a", When: "true"}, {Name: "a", When: "true"}}},
			"conditions[1].name: another condition has the same name"},
		{own(alert.Condition{When: "true", Severity: "x"}), `conditions[0].severity: unknown severity "x"`},
		{own(alert.Condition{When: "true", ResolveAfter: -1}), "conditions[0].resolve_after: -1ns: expected a duration from 0 to 24h"},
		{own(alert.Condition{When: "true", Message: strings.Repeat("x", 513)}), "conditions[0].message: expected at most 512 bytes"},
		{when(""), `conditions[0].when: the expression is empty: expected one as event == "session.refused"`},
		{when(strings.Repeat("x", 5000)), "conditions[0].when: the expression has 5000 bytes: at most 4096 are allowed"},
		{when("service"), "conditions[0].when: expected true or false, but the expression gives string"},
		{when("service =="), "conditions[0].when: line 1, column 10: unexpected token EOF"},
		{when("\n servic == 1"), "conditions[0].when: line 2, column 2: there is no servic; docs/alerts.md lists the fields"},
		{when("session.foo == 1"), "conditions[0].when: line 1, column 9: there is no session.foo; docs/alerts.md lists the fields"},
		{when(`alert.condition == "x"`), "conditions[0].when: line 1, column 1: there is no alert here: alerts are not looked at"},
		{when(`event == "alert"`), "conditions[0].when: line 1, column 10: alerts are not looked at, so that none raises another"},
		{when(`event == "sesion.open"`), `conditions[0].when: line 1, column 10: event is never "sesion.open": expected one of journal.start,`},
		{when(`zone in ["lan", "moon"]`), `zone is never "moon": expected one of unknown, unix,`},
		{when(`any([1], # > 0)`), "conditions[0].when: line 1, column 10: loops (all, any, filter, map, count and the like) are not allowed here"},
		{when(`$env["service"] == "x"`), "$env is not allowed here"},
		{when(`[session][0].dial == duration("0s")`), "expected a field of it, as session.end or client.address"},
		{when(`1 in 1..100000`), "a range is written with two numbers and has at most 1000 elements"},
		{when(`inCIDR(client.address, "10.0.0.0/33")`), `"10.0.0.0/33" is no range of addresses: expected one as 10.0.0.0/8 or 192.0.2.7`},
		{when(`now().Hour() == 1`), "conditions[0].when: line 1, column 1: there is no now; docs/alerts.md lists the fields"},
		{window("count() >"), "conditions[0].window: column 10: expected a whole number"},
		{window("count() > 1 in 1m by foo"), "conditions[0].window: there is no foo; docs/alerts.md lists the fields"},
		{window("sum(service) > 1 in 1m"), "conditions[0].window: sum(service): service is no number: expected one, or distinct(service)"},
		{window("max(session.dial) > 1 in 1m"), "conditions[0].window: max(session.dial) is a duration: expected one to compare it with, as 5s"},
		{window("sum(refused.count) > 5s in 1m"), "conditions[0].window: sum(refused.count) is a number: expected one to compare it with"},
		{window("sum(alert.count) > 5 in 1m"), "conditions[0].window: there is no alert.count here: alerts are not looked at"},
	}
	for _, test := range tests {
		err := test.s.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: %v", test.s, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v:\ngot  %v\nwant %s", test.s, err, test.want)
		}
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	s := alert.Settings{
		Repeat: 1, Threshold: -1, Disable: []string{"x"},
		Conditions: []alert.Condition{{Name: "a", When: "x", Window: "y"}, {Name: "b", Severity: "z"}},
	}
	err := s.Validate()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for i, key := range []string{
		"repeat", "threshold", "disable[0]", "conditions[0].when", "conditions[0].window", "conditions[1].severity", "conditions[1].when",
	} {
		if line := strings.Split(err.Error(), "\n")[i]; !strings.HasPrefix(line, key+": ") {
			t.Errorf("line %d is %q, want %s", i, line, key)
		}
	}
}
