package rules_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// Whatever a person writes as an expression is refused, or asked without harm: both ways of asking agree, the process is
// asked for at most once, and what is known of nobody lets in nobody by what is about processes.
func FuzzWhen(f *testing.F) {
	for _, text := range []string{
		`process.program == "psql" and not ("sshd" in process.parents)`, `forwarder != "" or attribution == "none"`, `let p = process; p.pid > 1`,
		`process?.tty ?? "x" == ""`, `client.zone in ["lan"] ? uid == 1 : process.uid == 1`, `inCIDR(client.address, "10.0.0.0/8")`, `process.parents[3] == ""`,
		`[process][0].pid == 0`, `{"a": process}.a.pid == 0`, `process | string() == ""`, `len(process.parents[1:]) > 0`, `env["process"] == nil`,
		`let uid = 3; uid == 3`, `let forwarder = "x"; forwarder == "x"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := rules.Compile(list(rules.Rule{Name: "w", Action: allow, When: text}, rules.Rule{Name: "rest", Action: deny}), doors(), config())
		if err != nil {
			return
		}
		for _, facts := range []*flow.Facts{local(), local(sought), lan(), unixPeer(by(psql())), local(by(psql(), node(), dark())),
			local(carried("sshd"), speaksFor("10.1.2.3", flow.ZoneLAN))} {
			v := set.Decide(facts)
			e := set.Explain(facts)
			if diff := cmp.Diff(v, e.Verdict()); diff != "" {
				t.Fatalf("%s (-Decide +Explain):\n%s", text, diff)
			}
			if v.Action == flow.Need && (facts.Sought || facts.Origin.Process != nil) {
				t.Fatalf("%s: %+v", text, v)
			}
		}
	})
}

// Whatever stands in a file of cases is refused, or a table that can be tested.
func FuzzParseCases(f *testing.F) {
	f.Add([]byte("- name: a\n  service: db\n  expect: allow\n"))
	f.Add([]byte("- {name: b, service: pg, user: 1000, program: psql, container: docker/0123, forwarder: sshd, forwarder_zone: lan, expect: deny}\n"))
	f.Add([]byte("- &a {name: c, expect: would_deny, address: '::1', client: 10.0.0.1, time: 2026-03-02 14:30}\n- *a\n"))
	set, err := rules.Compile(list(), doors(), config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cases, err := rules.ParseCases(data, "f")
		if err != nil {
			return
		}
		results := set.Test(cases, func(netip.Addr, string) (flow.Zone, error) { return flow.ZoneLAN, nil })
		if len(results) != len(cases) {
			t.Fatalf("%d results of %d cases", len(results), len(cases))
		}
		for _, r := range results {
			if r.Err == nil && r.Verdict.Reason == "" || r.Err != nil && r.Pass || r.String() == "" {
				t.Fatalf("%+v", r)
			}
		}
	})
}
