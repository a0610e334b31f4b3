package rules_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

func TestConveyedClients(t *testing.T) {
	office := rules.Rule{Name: "office", Action: allow, ClientCIDRs: ranges("192.0.2.0/24")}
	loopback := rules.Rule{Name: "lo", Action: allow, Zones: []flow.Zone{flow.ZoneLoopback}}
	lanZone := rules.Rule{Name: "lan", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}
	clients := func(zones ...flow.Zone) rules.Settings {
		return list(rules.Rule{Name: "c", Action: allow, ClientZones: zones})
	}
	when := func(text string) rules.Settings { return list(rules.Rule{Name: "w", Action: allow, When: text}) }
	far, near := speaksFor("192.0.2.7", flow.ZoneLAN), speaksFor("127.0.0.1", flow.ZoneLoopback)
	watch := loopback
	watch.Action, watch.Enforce = deny, rules.EnforceObserve
	watchOffice := office
	watchOffice.Action, watchOffice.Enforce = deny, rules.EnforceObserve
	none := denied("builtin.default", flow.CauseNonLocal)
	run(t, []decideCase{
		{"a local client of a local peer", list(), local(near), allowed("builtin.local"), ""},
		{"a client elsewhere", list(), local(far), none,
			"127.0.0.1 speaks for 192.0.2.7 in zone lan; only an allow rule with client_zones: [lan], or with client_cidrs, lets such clients in"},
		{"a rule on the peer does not open", list(loopback), local(far), none, ""},
		{"nor one without conditions", list(rules.Rule{Name: "all", Action: allow}), local(far), none, ""},
		{"nor one on the user", list(rules.Rule{Name: "u", Action: allow, Users: []string{"alice"}}), local(uid(1001, "alice"), far), none, ""},
		{"a rule on the peer is for a local client", list(loopback), local(near), allowed("lo"), ""},
		{"by range", list(office), local(far), allowed("office"), "rule office allows client 192.0.2.0/24"},
		{"by range, after a rule on the peer", list(loopback, office), local(far), allowed("office"), ""},
		{"by range, mapped", list(office), local(speaksFor("::ffff:192.0.2.7", flow.ZoneLAN)), allowed("office"), ""},
		{"by zone", clients(flow.ZoneLAN), local(far), allowed("c"), ""},
		{"another zone", clients(flow.ZoneVPN), local(far), none, ""},
		{"by expression", when(`client.address startsWith "192."`), local(far), allowed("w"), ""},
		{"by an expression on the peer", when(`peer.local`), local(far), none, ""},
		{"zones mean the peer", list(lanZone), local(far), none, ""},
		{"a peer that speaks for nobody is its own client", list(office), lan(), allowed("office"), ""},
		{"and not another", list(office), public(), none, ""},
		{"a deny rule on the client", list(rules.Rule{Name: "n", Action: deny, ClientZones: []flow.Zone{flow.ZoneLAN}}, office), local(far), denied("n", flow.CauseRule),
			"rule n denies client zone lan; the peer is 127.0.0.1 in zone loopback, for 192.0.2.7 in zone lan"},
		{"a deny rule on the peer", list(rules.Rule{Name: "n", Action: deny, Zones: []flow.Zone{flow.ZoneLoopback}}, office), local(far), denied("n", flow.CauseRule), ""},
		{"what a peer elsewhere calls loopback is not", list(lanZone), lan(near), none,
			"192.0.2.7 speaks for 127.0.0.1 in an unknown zone; only an allow rule with client_zones: [unknown], or with client_cidrs, lets such clients in"},
		{"nor does a rule on loopback clients take it", clients(flow.ZoneLoopback, flow.ZoneSelf, flow.ZoneUnix), lan(near), none, ""},
		{"public takes what could not be told", clients(flow.ZonePublic), lan(near), allowed("c"), ""},
		{"a disguised peer stays one", clients(flow.ZoneLAN), fake(far), denied("builtin.disguised", flow.CauseDisguised), ""},
		{"observe: everywhere", observing(), local(far), told("builtin.default", flow.CauseNonLocal), ""},
		{"observe: a rule on the peer opens nothing", list(watch), local(far), none, ""},
		{"observe: one on the client does", list(watchOffice), local(far), told("office", flow.CauseRule), ""},
		{"before a Unix socket: the own user's proxy", list(office), local(to("pg"), uid(ownUID, "me"), far), allowed("office"), ""},
		{"before a Unix socket: another's", list(office), local(to("pg"), uid(1001, "alice"), far), denied("builtin.unix_backend", flow.CauseIdentity), ""},
		{"before a Unix socket: without a rule", list(), local(to("pg"), uid(ownUID, "me"), far), none, ""},
	})
}

func TestExplainClients(t *testing.T) {
	e := compile(t, list(rules.Rule{Name: "lo", Action: allow, Zones: []flow.Zone{flow.ZoneLoopback}})).Explain(local(speaksFor("192.0.2.7", flow.ZoneLAN)))
	reason := "127.0.0.1 speaks for 192.0.2.7 in zone lan; only an allow rule with client_zones: [lan], or with client_cidrs, lets such clients in"
	want := `127.0.0.1 in zone loopback, for 192.0.2.7 in zone lan to service db: deny
builtin.default: ` + reason + `

1  builtin.disguised  deny   no match  the peer does not claim to be what it is not
2  lo                 allow  no match  client_zones: it names no clients, and the peer speaks for one elsewhere
3  builtin.local      allow  no match  the client that the peer speaks for is not local
4  builtin.default    deny   decides   ` + reason + `
`
	if diff := cmp.Diff(want, e.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestClientAndProcessWarnings(t *testing.T) {
	lan, loopback := []flow.Zone{flow.ZoneLAN}, []flow.Zone{flow.ZoneLoopback}
	c := config()
	c.NoProcesses = "this system does not tell them"
	rule := func(r rules.Rule) rules.Rule {
		r.Services = []string{"db"}
		if r.Action == rules.ActionUnset {
			r.Action = allow
		}
		if r.Name == "" {
			r.Name = "r"
		}
		return r
	}
	blind := `rule "r" asks for the peer's process, and this system does not tell them: what is not known counts `
	for _, test := range []struct {
		name  string
		rules []rules.Rule
		want  []string
	}{
		{"clients through a local proxy", []rules.Rule{rule(rules.Rule{Zones: loopback, ClientZones: lan})},
			[]string{`rule "r" lets in clients from zone lan that a proxy speaks for: the backend takes them for local`}},
		{"clients by expression", []rules.Rule{rule(rules.Rule{Zones: loopback, When: "client.port > 1024"})},
			[]string{`rule "r" lets in clients from anywhere that a proxy speaks for: the backend takes them for local`}},
		{"clients from wherever", []rules.Rule{rule(rules.Rule{ClientCIDRs: ranges("10.0.0.0/8")})},
			[]string{`rule "r" lets in peers from address 10.0.0.0/8: the backend takes them for local`}},
		{"local clients", []rules.Rule{rule(rules.Rule{ClientZones: loopback})}, nil},
		{"clients that are watched", []rules.Rule{rule(rules.Rule{Action: deny, Enforce: rules.EnforceObserve, Zones: loopback, ClientZones: lan})},
			[]string{`rule "r" only observes: clients from zone lan that a proxy speaks for are let in and recorded, and the backend takes them for local`}},
		{"a program is of this host", []rules.Rule{rule(rules.Rule{Programs: []string{"psql"}})}, []string{blind + "against the peer"}},
		{"a forwarder too", []rules.Rule{rule(rules.Rule{Action: deny, OnUnknown: rules.OnUnknownAllow, Forwarder: rules.Forwarders{"true"}})},
			[]string{blind + "for the peer"}},
		{"one for clients after one for peers", []rules.Rule{rule(rules.Rule{Name: "a", Zones: loopback}), rule(rules.Rule{Name: "b", Zones: loopback, ClientZones: loopback})},
			[]string{never("b", "a")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, err := rules.Compile(list(test.rules...), doors(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, set.Warnings()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	proxied := doors()
	proxied[0].ProxyProtocol = true
	set, err := rules.Compile(list(rule(rules.Rule{Name: "a", Zones: loopback}), rule(rules.Rule{Name: "b", Zones: loopback, ClientZones: loopback})), proxied, config())
	if err != nil || len(set.Warnings()) != 0 {
		t.Errorf("with PROXY headers the second rule may match: %v, %q", err, set.Warnings())
	}
}
