package rules_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

func explained() rules.Settings {
	return list(
		rules.Rule{Name: "vpn", Action: allow, Zones: []flow.Zone{flow.ZoneVPN}},
		rules.Rule{Name: "office", Action: allow, CIDRs: ranges("198.51.100.0/24")},
		rules.Rule{Name: "docker", Action: deny, Interfaces: []string{"docker*"}},
		rules.Rule{Name: "alice", Action: allow, Users: []string{"alice"}},
		rules.Rule{Name: "night", Action: deny, When: "hour < 6"},
		rules.Rule{Name: "try", Action: deny, Enforce: rules.EnforceObserve, Zones: []flow.Zone{flow.ZoneLAN}},
		rules.Rule{Name: "lan", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}},
		rules.Rule{Name: "late", Action: deny, Zones: []flow.Zone{flow.ZonePublic}},
	)
}

func TestExplainText(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings rules.Settings
		facts    *flow.Facts
		want     string
	}{
		{"every outcome", explained(), lan(), `192.0.2.7 in zone lan to service db: would deny
try: rule try denies zone lan; the peer is 192.0.2.7 in zone lan

1   builtin.disguised  deny          no match  the peer does not claim to be what it is not
2   vpn                allow         no match  zones: 192.0.2.7 is in zone lan
3   office             allow         no match  cidrs: 192.0.2.7 is in none of them
4   docker             deny          no match  interfaces: it came in through eth0
5   alice              allow         no match  users: the peer's user is not known
6   night              deny          no match  when: the expression is false
7   try                deny observe  decides   every condition holds
8   lan                allow         matched   every condition holds
9   late               deny          not reached
10  builtin.local      allow         not reached
11  builtin.default    deny          not reached
`},
		{"default", list(), lan(), `192.0.2.7 in zone lan to service db: deny
builtin.default: 192.0.2.7 is in zone lan; only local peers are let in

1  builtin.disguised  deny   no match  the peer does not claim to be what it is not
2  builtin.local      allow  no match  the peer is not local
3  builtin.default    deny   decides   192.0.2.7 is in zone lan; only local peers are let in
`},
		{"a disguised peer", list(rules.Rule{Name: "all", Action: allow}), fake(), `127.0.0.9 in zone loopback to service db: deny
builtin.disguised: 127.0.0.9 claims to be on this host (zone loopback) and is not: no socket here is behind it, and it came in through veth0

1  builtin.disguised  deny   decides  127.0.0.9 claims to be on this host (zone loopback) and is not: no socket here is behind it, and it came in through veth0
2  all                allow  not reached
3  builtin.local      allow  not reached
4  builtin.default    deny   not reached
`},
		{"another user before a Unix socket", list(rules.Rule{Name: "lo", Action: allow, Zones: []flow.Zone{flow.ZoneLoopback}}),
			local(to("pg"), uid(1001, "alice")), `user alice (uid 1001) at 127.0.0.1 to service pg: deny
builtin.unix_backend: user alice (uid 1001) is not lodoor's own user (uid 1000), for whom the backend's Unix socket would take it; an allow rule with users: [1001] lets it in

1  builtin.disguised     deny   no match  the peer does not claim to be what it is not
2  lo                    allow  no match  users: it names none, which before a Unix socket means lodoor's own user alone
3  builtin.unix_backend  deny   decides   user alice (uid 1001) is not lodoor's own user (uid 1000), for whom the backend's Unix socket would take it; an allow rule with users: [1001] lets it in
4  builtin.local         allow  not reached
5  builtin.default       deny   not reached
`},
		{"what is not known", list(rules.Rule{Name: "no-bob", Action: deny, Users: []string{"bob"}}), local(), `127.0.0.1 in zone loopback to service db: deny
no-bob: rule no-bob denies user bob; the peer is 127.0.0.1 in zone loopback (users: the peer's user is not known, which counts as a match for a deny rule)

1  builtin.disguised  deny   no match  the peer does not claim to be what it is not
2  no-bob             deny   decides   users: the peer's user is not known; that counts as a match for a deny rule
3  builtin.local      allow  not reached
4  builtin.default    deny   not reached
`},
		{"own user before a Unix socket", list(), local(to("pg"), uid(ownUID, "me")), `user me (uid 1000) at 127.0.0.1 to service pg: allow
builtin.local: lodoor's own user is let in

1  builtin.disguised     deny   no match  the peer does not claim to be what it is not
2  builtin.unix_backend  deny   no match  the peer is lodoor's own user
3  builtin.local         allow  decides   lodoor's own user is let in
4  builtin.default       deny   not reached
`},
		{"no such service", list(), local(to("gone")), `127.0.0.1 in zone loopback to service gone: deny
builtin.no_service: there are no rules for service "gone"
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := compile(t, c.settings).Explain(c.facts)
			if diff := cmp.Diff(c.want, e.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplainJSON(t *testing.T) {
	e := compile(t, list()).Explain(lan())
	got, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"service":"db","peer":"192.0.2.7 in zone lan","rules":[` +
		`{"name":"builtin.disguised","action":"deny","outcome":"no match","why":"the peer does not claim to be what it is not"},` +
		`{"name":"builtin.local","action":"allow","outcome":"no match","why":"the peer is not local"},` +
		`{"name":"builtin.default","action":"deny","outcome":"decides","why":"192.0.2.7 is in zone lan; only local peers are let in"}],` +
		`"decides":"builtin.default","action":"deny","cause":"non_local","reason":"192.0.2.7 is in zone lan; only local peers are let in"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
