package rules_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// zoneOf knows loopback, and calls the rest lan; 198.51.100.1 cannot be told.
func zoneOf(a netip.Addr, iface string) (flow.Zone, error) {
	switch {
	case a.IsLoopback():
		return flow.ZoneLoopback, nil
	case a == netip.MustParseAddr("198.51.100.1"):
		return flow.ZoneUnknown, errors.New("no interfaces")
	case iface == "wg0":
		return flow.ZoneVPN, nil
	}
	return flow.ZoneLAN, nil
}

func caseRules() rules.Settings {
	return list(
		rules.Rule{Name: "no-bob", Action: deny, Users: []string{"bob"}, OnUnknown: rules.OnUnknownAllow},
		rules.Rule{Name: "tunnel", Action: deny, When: `forwarder != "" and forwarder_zone == "public"`, OnUnknown: rules.OnUnknownAllow},
		rules.Rule{Name: "psql", Action: allow, Executables: []string{"/usr/bin/"}, Programs: []string{"psql"}, When: `process.command_line contains "shop"`},
		rules.Rule{Name: "box", Action: allow, Containers: []string{"docker", containerID[:12]}},
		rules.Rule{Name: "unit", Action: allow, Units: []string{"shop.service"}, Containers: []string{"none"}},
		rules.Rule{Name: "sure", Action: allow, When: `attribution == "exact_connect"`},
		rules.Rule{Name: "night", Action: deny, Zones: []flow.Zone{flow.ZoneLoopback}, When: "hour >= 22"},
		rules.Rule{Name: "vpn", Action: deny, Enforce: rules.EnforceObserve, Zones: []flow.Zone{flow.ZoneVPN}, Interfaces: []string{"wg0"}},
		rules.Rule{Name: "office", Action: allow, ClientZones: []flow.Zone{flow.ZoneLAN}, When: "client.port == 40000"},
	)
}

const cases = `
- {name: local, service: db, expect: allow, rule: builtin.local}
- {name: IPv6, service: db, address: "[::1]:5000", expect: allow, rule: builtin.local}
- {name: bob, service: db, user: bob, expect: deny, rule: no-bob}
- {name: bob by number, service: db, user: 1002, expect: deny, rule: no-bob}
- name: psql
  service: db
  user: alice
  program: psql
  executable: /usr/bin/psql
  command_line: psql shop
  forwarder: none
  expect: allow
  rule: psql
- {name: container, service: db, user: alice, container: docker, expect: allow, rule: box}
- {name: container by id, service: db, user: alice, container: 0123456789abff, expect: allow, rule: box}
- {name: container by both, service: db, user: alice, container: podman/0123456789abff, expect: allow, rule: box}
- {name: unit, service: db, user: alice, unit: shop.service, expect: allow, rule: unit}
- {name: a process of which nothing is known, service: db, user: alice, program: x, expect: allow, rule: builtin.local}
- {name: tunnel, service: db, user: alice, forwarder: sshd, forwarder_zone: public, expect: deny, rule: tunnel}
- {name: seen in the kernel, service: db, user: alice, program: x, attribution: exact_connect, expect: allow, rule: sure}
- {name: late, service: db, time: 2026-03-02 23:00, expect: deny, rule: night}
- {name: late elsewhere, service: db, time: "2026-03-02T23:00:00+02:00", expect: allow}
- {name: vpn, service: db, address: 10.9.9.9, interface: wg0, expect: would_deny, rule: vpn}
- {name: lan, service: db, address: 192.0.2.7, expect: allow, rule: office}
- {name: given zone, service: db, address: 192.0.2.7, zone: public, expect: deny, rule: builtin.default}
- {name: client, service: db, client: 192.0.2.7, expect: allow, rule: office}
- {name: given client zone, service: db, client: 192.0.2.7, client_zone: public, expect: deny, rule: builtin.default}
- {name: client of a proxy elsewhere, service: db, address: 203.0.113.9, client: 192.0.2.7, expect: deny, rule: builtin.default}
- {name: private client of a proxy elsewhere, service: db, address: 203.0.113.9, client: 10.0.0.7, expect: allow, rule: office}
- {name: disguised, service: db, address: 127.0.0.9, disguised: true, expect: deny, rule: builtin.disguised}
- {name: unix, service: pg, address: unix, user: 1000, expect: allow, rule: builtin.local}
`

func TestCases(t *testing.T) {
	parsed, err := rules.ParseCases([]byte(cases), "cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	results := compile(t, caseRules()).Test(parsed, zoneOf)
	if len(results) != strings.Count(cases, "name:") {
		t.Errorf("%d results", len(results))
	}
	for _, r := range results {
		if !r.Pass || !strings.HasPrefix(r.String(), "ok   "+r.Case.Name+": ") {
			t.Error(r)
		}
	}
}

func TestCasesThatFail(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{name: a, service: db, expect: deny}", "FAIL f.yaml:1:3: a: expected deny, got allow by builtin.local (local peers are let in)"},
		{"{name: a, service: db, expect: allow, rule: x}", "FAIL f.yaml:1:3: a: expected allow by x, got allow by builtin.local (local peers are let in)"},
		{"{name: a, service: db, user: bob, expect: would_deny}",
			"FAIL f.yaml:1:3: a: expected would deny, got deny by no-bob (rule no-bob denies user bob; the peer is user bob (uid 1002) at 127.0.0.1)"},
		{"{name: a, service: dbx, expect: allow}", `FAIL f.yaml:1:3: a: service: unknown service "dbx": expected one of db, pg`},
		{"{name: a, service: db, address: localhost, time: noon, expect: allow}",
			`FAIL f.yaml:1:3: a: time: "noon": expected a time such as 2026-03-02 14:30 or 2026-03-02T14:30:00Z; ` +
				`address: "localhost": expected an address such as 192.0.2.7, or unix for a Unix socket's peer`},
		{"{name: a, service: db, address: 198.51.100.1, expect: allow}", "FAIL f.yaml:1:3: a: address: the zone of 198.51.100.1: no interfaces"},
		{"{name: a, service: db, client: x, expect: allow}", `FAIL f.yaml:1:3: a: client: "x": expected an address such as 192.0.2.7`},
		{"{name: a, service: db, user: mallory, expect: allow}", `FAIL f.yaml:1:3: a: user: unknown user "mallory": use the number`},
		{"{name: a, service: db, program: psql, expect: allow}", "FAIL f.yaml:1:3: a: user: not given: who knows the process knows its user"},
		{"{name: a, service: db, address: 192.0.2.7, disguised: true, expect: allow}",
			"FAIL f.yaml:1:3: a: disguised: the zone is lan, and only a peer that claims to be on this host can be disguised"},
		{"{name: a, service: db, attribution: live_socket, expect: allow}",
			"FAIL f.yaml:1:3: a: attribution: live_socket does not go with what the case says of the process and the user"},
		{"{name: a, service: db, user: 1, attribution: none, expect: allow}", "FAIL f.yaml:1:3: a: attribution: none does not go with"},
	} {
		parsed, err := rules.ParseCases([]byte("- "+c.text), "f.yaml")
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := compile(t, caseRules()).Test(parsed, zoneOf)[0]
		if got.Pass || !strings.HasPrefix(got.String(), c.want) {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestParseCasesErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", []string{"f.yaml: there are no cases"}},
		{"# nothing", []string{"f.yaml: there are no cases"}},
		{"cases:\n- a", []string{"f.yaml:1:1: expected a list of cases, each with - before it"}},
		{"- a: [", []string{"f.yaml:1: YAML: did not find expected node content"}},
		{"- {name: a, expect: allow}\n---\n- b", []string{"f.yaml: found a second document; expected one document a file"}},
		{"- a\n", []string{"f.yaml:1:3: [0]: expected a case: name, expect, and what is known of the peer"}},
		{"- service: db\n", []string{
			"f.yaml:1:3: [0].name: every case needs one: the report tells it", "f.yaml:1:3: [0].expect: not given: expected one of allow, deny, would_deny"}},
		{"- {name: a, expect: allow}\n- name: a\n  expect: need\n  zone: lna\n  disguised: 1\n  user: [bob]\n  program:\n  name: b\n", []string{
			`f.yaml:3:11: [1].expect: found "need"; expected one of allow, deny, would_deny`,
			`f.yaml:4:9: [1].zone: unknown zone "lna": expected one of unknown, unix, loopback, self, container, vpn, linklocal, lan, public`,
			`f.yaml:5:14: [1].disguised: found "1"; expected true or false`,
			`f.yaml:6:9: [1].user: expected one value`,
			`f.yaml:7:11: [1].program: expected one value`,
			`f.yaml:8:3: [1]: name is given twice`}},
		{"- {name: a, expect: allow}\n- {name: a, expect: deny}\n", []string{"f.yaml:2:3: [1].name: the case in line 1 has the same name"}},
		{"- {name: a, expect: allow, forwarder_zone: lan, client_zone: lan}\n", []string{
			"f.yaml:1:3: [0].forwarder_zone: given without a forwarder", "f.yaml:1:3: [0].client_zone: given without a client"}},
		{"- {name: a, expect: allow, porgram: x}\n", []string{
			`f.yaml:1:28: [0]: unknown key "porgram": expected one of name, service, address, zone, interface, disguised, user, program, executable, ` +
				`command_line, container, unit, forwarder, forwarder_zone, attribution, client, client_zone, time, expect, rule`}},
	} {
		_, err := rules.ParseCases([]byte(c.text), "f.yaml")
		if err == nil {
			t.Errorf("%q: no error", c.text)
			continue
		}
		if diff := cmp.Diff(c.want, strings.Split(err.Error(), "\n")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
}
