package rules_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

func TestCompileErrors(t *testing.T) {
	with := func(r rules.Rule) rules.Rule {
		if r.Name == "" {
			r.Name = "r"
		}
		if r.Action == rules.ActionUnset {
			r.Action = deny
		}
		return r
	}
	for _, c := range []struct {
		name string
		rule rules.Rule
		want string
	}{
		{"no name", rules.Rule{Action: allow}, `rules[0]: name: every rule needs one: records and alerts tell it`},
		{"no action", rules.Rule{Name: "r"}, `rules[0] "r": action: not given: expected one of allow, deny`},
		{"builtin name", rules.Rule{Name: "builtin.local", Action: allow}, `rules[0] "builtin.local": name: names that start with builtin. or limit. are lodoor's own`},
		{"limit name", rules.Rule{Name: "limit.x", Action: allow}, `rules[0] "limit.x": name: names that start with builtin. or limit. are lodoor's own`},
		{"unprintable name", rules.Rule{Name: "a\x1b[31m", Action: allow}, `rules[0] "a\x1b[31m": name: expected printable characters without spaces around them`},
		{"unknown service", with(rules.Rule{Services: []string{"db", "bd"}}), `rules[0] "r": services[1]: unknown service "bd": expected one of db, pg`},
		{"no services", with(rules.Rule{Services: []string{}}), `rules[0] "r": services: the list is empty: leave it out to match any, or name what is to match`},
		{"no zones", with(rules.Rule{Zones: []flow.Zone{}}), `rules[0] "r": zones: the list is empty: leave it out to match any, or name what is to match`},
		{"no ranges", with(rules.Rule{CIDRs: []rules.CIDR{}}), `rules[0] "r": cidrs: the list is empty: leave it out to match any, or name what is to match`},
		{"no users", with(rules.Rule{Users: []string{}}), `rules[0] "r": users: the list is empty: leave it out to match any, or name what is to match`},
		{"zero range", with(rules.Rule{CIDRs: []rules.CIDR{{}}}), `rules[0] "r": cidrs[0]: CIDR: expected a range such as 10.0.0.0/8`},
		{"bad zone", with(rules.Rule{Zones: []flow.Zone{99}}), `rules[0] "r": zones[0]: unknown zone invalid(99)`},
		{"unknown user", with(rules.Rule{Users: []string{"alice", "mallory"}}), `rules[0] "r": users[1]: unknown user "mallory": use the number if this system does not know the name`},
		{"user number", with(rules.Rule{Users: []string{"4294967295"}}), `rules[0] "r": users[0]: user number "4294967295": expected 0 to 4294967294`},
		{"empty user", with(rules.Rule{Users: []string{""}}), `rules[0] "r": users[0]: expected a user's name or number`},
		{"interface in the middle", with(rules.Rule{Interfaces: []string{"*eth"}}), `rules[0] "r": interfaces[0]: "*eth": expected a name such as eth0, or the start of one and a * such as veth*`},
		{"empty interface", with(rules.Rule{Interfaces: []string{""}}), `rules[0] "r": interfaces[0]: "": expected a name such as eth0, or the start of one and a * such as veth*`},
		{"when: blank", with(rules.Rule{When: " "}), `rules[0] "r": when: the expression is empty: leave it out to match any peer`},
		{"when: syntax", with(rules.Rule{When: "hour >"}), `rules[0] "r": when: line 1, column 6: unexpected token EOF`},
		{"when: unknown name", with(rules.Rule{When: "true &&\n hours > 3"}), `rules[0] "r": when: line 2, column 2: unknown name hours`},
		{"when: not true or false", with(rules.Rule{When: "hour + 1"}), `rules[0] "r": when: expected true or false, but the expression gives int`},
		{"when: loop", with(rules.Rule{When: "all([1, 2], # > hour)"}), `rules[0] "r": when: line 1, column 13: loops (all, any, filter, map, count and the like) are not allowed in rules`},
		{"when: long range", with(rules.Rule{When: "uid in 1..1000000000"}), `rules[0] "r": when: line 1, column 9: a range is written with two numbers and has at most 1000 elements; use >= and <= for more`},
		{"when: range of variables", with(rules.Rule{When: "5 in minute..hour"}), `rules[0] "r": when: line 1, column 12: a range is written with two numbers and has at most 1000 elements; use >= and <= for more`},
		{"when: clock", with(rules.Rule{When: "now() > time"}), `rules[0] "r": when: line 1, column 1: unknown name now`},
		{"when: long values", with(rules.Rule{When: `repeat("a", 1000000) == user`}), `rules[0] "r": when: line 1, column 1: unknown name repeat`},
		{"when: round the guard", with(rules.Rule{When: `$env.uid == 0`}), `rules[0] "r": when: line 1, column 1: $env is not allowed in rules`},
		{"when: bad range", with(rules.Rule{When: `inCIDR(peer.address, "10.0.0.1/8")`}),
			`rules[0] "r": when: line 1, column 22: CIDR 10.0.0.1/8 has host bits: write 10.0.0.0/8 for the range, or 10.0.0.1 for the address alone`},
		{"when: zone that is none", with(rules.Rule{When: `peer.zone == "lna"`}),
			`rules[0] "r": when: line 1, column 14: peer.zone is never "lna": expected one of unknown, unix, loopback, self, container, vpn, linklocal, lan, public`},
		{"when: weekday that is none", with(rules.Rule{When: `weekday in ["sat", "sunday"]`}),
			`rules[0] "r": when: line 1, column 13: weekday is never "sat": expected one of monday, tuesday, wednesday, thursday, friday, saturday, sunday`},
		{"when: service that is none", with(rules.Rule{When: `"x" != service`}), `rules[0] "r": when: line 1, column 1: service is never "x": expected one of db, pg`},
		{"when: too long", with(rules.Rule{When: strings.Repeat("(", 5000)}), `rules[0] "r": when: the expression has 5000 bytes: at most 4096 are allowed`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := rules.Compile(list(c.rule), doors(), config())
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != c.want {
				t.Errorf("\n got %s\nwant %s", err, c.want)
			}
			var located *rules.RuleError
			if !errors.As(err, &located) || located.Key == "" {
				t.Errorf("not a RuleError: %#v", err)
			}
		})
	}
}

func TestCompileTellsEveryProblem(t *testing.T) {
	_, err := rules.Compile(
		list(rules.Rule{Name: "same", Action: allow}, rules.Rule{Name: "same"}, rules.Rule{Action: deny, When: "1"}),
		[]rules.Service{
			{Name: "db", Rules: []rules.Rule{{Name: "same", Action: deny}, {Name: "own", Action: deny, Services: []string{"db"}}}},
			{Name: "two", Rules: []rules.Rule{{Name: "own", Action: deny}}}, // another service's rule may have the name
			{Name: "db"},
		}, config())
	want := []string{
		`service "db" is given twice`,
		`rules[1] "same": name: another rule has the same name`,
		`rules[1] "same": action: not given: expected one of allow, deny`,
		`rules[2]: name: every rule needs one: records and alerts tell it`,
		`rules[2]: when: expected true or false, but the expression gives int`,
		`service "db": rules[0] "same": name: another rule has the same name`,
		`service "db": rules[1] "own": services: a rule of one service names no services: write it under the rules of all`,
	}
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSystemUsers(t *testing.T) {
	c := config()
	c.LookupUser = nil
	_, err := rules.Compile(list(rules.Rule{Name: "r", Action: deny, Users: []string{"no-such-user-here"}}), doors(), c)
	if err == nil || !strings.Contains(err.Error(), "use the number") {
		t.Errorf("got %v", err)
	}
}

func TestWords(t *testing.T) {
	var a rules.Action
	var e rules.Enforcement
	var u rules.OnUnknown
	var n rules.ForwarderName
	for _, c := range []struct {
		err  error
		want string
	}{
		{a.UnmarshalText([]byte("would_deny")), `action "would_deny" is what observe mode records: write action deny and enforce observe`},
		{a.UnmarshalText([]byte("permit")), `unknown action "permit": expected one of allow, deny`},
		{a.UnmarshalText(nil), `unknown action "": expected one of allow, deny`},
		{e.UnmarshalText([]byte("off")), `unknown enforcement "off": expected one of on, observe`},
		{u.UnmarshalText([]byte("ask")), `unknown word "ask": expected one of deny, allow`},
		{n.UnmarshalText(nil), `forwarder "": expected true for any, false for none, or names such as sshd`},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("\n got %v\nwant %s", c.err, c.want)
		}
	}
	for _, a := range []rules.Action{allow, deny} {
		var back rules.Action
		text, _ := a.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != a {
			t.Errorf("%s came back as %s, %v", a, back, err)
		}
	}
	for _, e := range []rules.Enforcement{rules.EnforceDefault, rules.EnforceOn, rules.EnforceObserve} {
		var back rules.Enforcement
		text, _ := e.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != e {
			t.Errorf("%s came back as %s, %v", e, back, err)
		}
	}
}

func TestWordsOfUnknownAndForwarder(t *testing.T) {
	for _, u := range []rules.OnUnknown{rules.OnUnknownDefault, rules.OnUnknownDeny, rules.OnUnknownAllow} {
		var back rules.OnUnknown
		text, _ := u.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != u {
			t.Errorf("%s came back as %s, %v", u, back, err)
		}
	}
	for _, n := range []rules.ForwarderName{rules.AnyForwarder, rules.NoForwarder, "docker-proxy"} {
		var back rules.ForwarderName
		text, _ := n.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != n {
			t.Errorf("%s came back as %s, %v", n, back, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	lanZone := []flow.Zone{flow.ZoneLAN, flow.ZoneVPN}
	local := []flow.Zone{flow.ZoneLoopback}
	for _, c := range []struct {
		name     string
		settings rules.Settings
		want     []string
	}{
		{"none", list(), nil},
		{"local zones", list(rules.Rule{Name: "r", Action: allow, Services: []string{"db"}, Zones: local}), nil},
		{"loopback range", list(rules.Rule{Name: "r", Action: allow, Services: []string{"db"}, CIDRs: ranges("127.0.0.0/8", "::1")}), nil},
		{"users", list(rules.Rule{Name: "r", Action: allow, Users: []string{"bob"}}), nil},
		{"deny from elsewhere", list(rules.Rule{Name: "r", Action: deny, Zones: lanZone}), nil},
		{"allow zones", list(rules.Rule{Name: "r", Action: allow, Services: []string{"db"}, Zones: lanZone}),
			[]string{`rule "r" lets in peers from zone lan or vpn: the backend takes them for local`}},
		{"allow range", list(rules.Rule{Name: "r", Action: allow, Services: []string{"db"}, CIDRs: ranges("127.0.0.1", "10.0.0.0/8")}),
			[]string{`rule "r" lets in peers from address 127.0.0.1/32 or 10.0.0.0/8: the backend takes them for local`}},
		{"allow by expression", list(rules.Rule{Name: "r", Action: allow, Services: []string{"db"}, When: "hour > 3"}),
			[]string{`rule "r" lets in peers from anywhere: the backend takes them for local`}},
		{"allow all", list(rules.Rule{Name: "r", Action: allow, Services: []string{"db"}}),
			[]string{`rule "r" has no condition: it lets in everybody who reaches the door, and the backend takes them for local`}},
		{"deny all", list(rules.Rule{Name: "r", Action: deny}), []string{`rule "r" has no condition: it denies everybody, local peers too`}},
		{"observe all", list(rules.Rule{Name: "r", Action: deny, Enforce: rules.EnforceObserve}),
			[]string{`rule "r" has no condition: it records everybody as would_deny, local peers too`}},
		{"observe a place", list(rules.Rule{Name: "r", Action: deny, Enforce: rules.EnforceObserve, Zones: lanZone}),
			[]string{`rule "r" only observes: peers from zone lan or vpn are let in and recorded, and the backend takes them for local`}},
		{"before a Unix socket", list(rules.Rule{Name: "r", Action: allow, Zones: local}),
			[]string{`rule "r" names no users: at service "pg", whose backend is a Unix socket, it lets in only lodoor's own user`}},
		{"never matches: all", list(rules.Rule{Name: "all", Action: deny}, rules.Rule{Name: "r", Action: deny, Users: []string{"bob"}}),
			[]string{`rule "all" has no condition: it denies everybody, local peers too`, never("r", "all")}},
		{"never matches: zone and wider range", list(
			rules.Rule{Name: "a", Action: deny, Zones: lanZone}, rules.Rule{Name: "b", Action: deny, CIDRs: ranges("10.0.0.0/8")},
			rules.Rule{Name: "c", Action: deny, CIDRs: ranges("10.1.0.0/16")},
			rules.Rule{Name: "d", Action: deny, CIDRs: ranges("192.0.2.0/24"), Zones: []flow.Zone{flow.ZoneLAN}}),
			[]string{never("c", "b"), never("d", "a")}},
		{"never matches: interface", list(
			rules.Rule{Name: "a", Action: deny, Interfaces: []string{"eth*"}}, rules.Rule{Name: "b", Action: deny, Interfaces: []string{"eth0"}},
			rules.Rule{Name: "c", Action: deny, Interfaces: []string{"eth1", "wg0"}}), []string{never("b", "a")}},
		{"not shadowed by a rule that may not match", list(
			rules.Rule{Name: "a", Action: deny, When: "hour > 3"}, rules.Rule{Name: "b", Action: deny, Enforce: rules.EnforceObserve, Zones: local},
			rules.Rule{Name: "c", Action: deny, Users: []string{"bob"}}, rules.Rule{Name: "d", Action: deny, Zones: local}), nil},
		{"not shadowed at every service", list(
			rules.Rule{Name: "a", Action: deny, Services: []string{"db"}, Zones: local}, rules.Rule{Name: "b", Action: deny, Zones: local}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, compile(t, c.settings).Warnings()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func never(rule, by string) string {
	return fmt.Sprintf("rule %q can never match: rules before it, such as %q, decide on all of its peers", rule, by)
}

func TestManyWarnings(t *testing.T) {
	var many []rules.Rule
	for i := range 501 {
		many = append(many, rules.Rule{Name: fmt.Sprint("w", i), Action: deny, When: "hour == 30"})
	}
	got := compile(t, list(many...)).Warnings()
	if len(got) != 1 || !strings.HasPrefix(got[0], "501 rules have a when expression") {
		t.Errorf("got %q", got)
	}
	many = nil
	for i := range 30 {
		many = append(many, rules.Rule{Name: fmt.Sprint("z", i), Action: deny, Zones: []flow.Zone{flow.ZoneLAN}})
	}
	got = compile(t, list(many...)).Warnings()
	if len(got) != 11 || got[10] != "19 more rules can never match" {
		t.Errorf("got %q", got)
	}
}

func TestSummary(t *testing.T) {
	allowZone := func(z flow.Zone) rules.Rule {
		return rules.Rule{Name: z.String(), Action: allow, Zones: []flow.Zone{z}}
	}
	deny := rules.Rule{Name: "n", Action: deny, Users: []string{"bob"}}
	for _, c := range []struct {
		settings rules.Settings
		service  string
		want     string
	}{
		{list(), "db", "local peers"},
		{list(), "pg", "lodoor's own user (uid 1000)"},
		{list(), "gone", "nobody"},
		{list(deny, allowZone(flow.ZoneLAN)), "db", "local peers; by rules: lan; 1 deny rule"},
		{list(allowZone(flow.ZoneLAN), allowZone(flow.ZoneVPN), allowZone(flow.ZonePublic), allowZone(flow.ZoneSelf)), "db",
			"local peers; by rules: lan, vpn, public and 1 more"},
		{observing(), "db", "everybody but peers that claim to be local and are not; what would be denied is recorded"},
	} {
		if got := compile(t, c.settings).Summary(c.service); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}
