package rules_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// verdicts as the tables below write them.
func allowed(rule string) flow.Verdict { return flow.Verdict{Action: flow.Allow, Rule: rule} }
func denied(rule string, c flow.Cause) flow.Verdict {
	return flow.Verdict{Action: flow.Deny, Rule: rule, Cause: c}
}
func told(rule string, c flow.Cause) flow.Verdict {
	return flow.Verdict{Action: flow.WouldDeny, Rule: rule, Cause: c}
}

type decideCase struct {
	name     string
	settings rules.Settings
	facts    *flow.Facts
	want     flow.Verdict
	reason   string // exact; empty is not looked at, but must not be empty
}

func run(t *testing.T, cases []decideCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			set := compile(t, c.settings)
			got := set.Decide(c.facts)
			if got.Reason == "" {
				t.Error("no reason")
			}
			if c.reason != "" && got.Reason != c.reason {
				t.Errorf("reason\n got %s\nwant %s", got.Reason, c.reason)
			}
			explained := set.Explain(c.facts)
			if diff := cmp.Diff(got, explained.Verdict()); diff != "" {
				t.Errorf("Explain says something else (-Decide +Explain):\n%s", diff)
			}
			got.Reason = ""
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func list(r ...rules.Rule) rules.Settings { return rules.Settings{Rules: r} }

func observing(r ...rules.Rule) rules.Settings {
	return rules.Settings{Enforce: rules.EnforceObserve, Rules: r}
}

const (
	allow = rules.ActionAllow
	deny  = rules.ActionDeny
)

func TestDefaults(t *testing.T) {
	run(t, []decideCase{
		{"loopback is let in", list(), local(), allowed("builtin.local"), "local peers are let in"},
		{"an own address is let in", list(), facts("198.51.100.1", flow.ZoneSelf, flow.ProofSocket), allowed("builtin.local"), ""},
		{"an IPv6 own address by ingress", list(), facts("2001:db8::1", flow.ZoneSelf, flow.ProofIngress), allowed("builtin.local"), ""},
		{"where only the address can tell", list(), facts("127.0.0.1", flow.ZoneLoopback, flow.ProofAddress), allowed("builtin.local"), ""},
		{"a Unix peer is let in", list(), unixPeer(), allowed("builtin.local"), ""},
		{"lan is denied", list(), lan(), denied("builtin.default", flow.CauseNonLocal),
			"192.0.2.7 is in zone lan; only local peers are let in"},
		{"public is denied", list(), public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"an unknown zone is denied", list(), facts("192.0.2.7", flow.ZoneUnknown, flow.ProofNone),
			denied("builtin.default", flow.CauseNonLocal), "192.0.2.7 is in an unknown zone; only local peers are let in"},
		{"container is denied", list(), facts("172.17.0.2", flow.ZoneContainer, flow.ProofNone), denied("builtin.default", flow.CauseNonLocal), ""},
		{"a service that nobody knows", list(), local(to("gone")), denied("builtin.no_service", flow.CauseInternal), ""},
		{"observe lets lan in and says so", observing(), lan(), told("builtin.default", flow.CauseNonLocal),
			"192.0.2.7 is in zone lan; only local peers are let in"},
		{"observe changes nothing for local peers", observing(), local(), allowed("builtin.local"), ""},
	})
}

func TestDisguised(t *testing.T) {
	everybody := rules.Rule{Name: "all", Action: allow}
	run(t, []decideCase{
		{"denied before all rules", list(), fake(), denied("builtin.disguised", flow.CauseDisguised),
			"127.0.0.9 claims to be on this host (zone loopback) and is not: no socket here is behind it, and it came in through veth0"},
		{"allow loopback does not let it in", list(rules.Rule{Name: "lo", Action: allow, Zones: []flow.Zone{flow.ZoneLoopback}}),
			fake(), denied("builtin.disguised", flow.CauseDisguised), ""},
		{"allow all does not let it in", list(everybody), fake(), denied("builtin.disguised", flow.CauseDisguised), ""},
		{"its address does not let it in", list(rules.Rule{Name: "a", Action: allow, CIDRs: ranges("127.0.0.9")}), fake(),
			denied("builtin.disguised", flow.CauseDisguised), ""},
		{"observe does not let it in", observing(everybody), fake(), denied("builtin.disguised", flow.CauseDisguised), ""},
		{"as an own address", observing(), facts("198.51.100.1", flow.ZoneSelf, flow.ProofNone), denied("builtin.disguised", flow.CauseDisguised), ""},
	})
}

func TestConditions(t *testing.T) {
	lanRule := rules.Rule{Name: "lan", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}
	test := rules.Rule{Name: "net", Action: allow, CIDRs: ranges("192.0.2.0/24", "2001:db8::/32")}
	eth := rules.Rule{Name: "eth", Action: allow, Interfaces: []string{"eth*", "wg0"}}
	noBob := rules.Rule{Name: "no-bob", Action: deny, Users: []string{"bob", "1003"}}
	alice := rules.Rule{Name: "alice", Action: allow, Users: []string{"alice"}}
	run(t, []decideCase{
		{"zone matches", list(lanRule), lan(), allowed("lan"), "rule lan allows zone lan"},
		{"zone does not match", list(lanRule), public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"public includes unknown", list(rules.Rule{Name: "p", Action: allow, Zones: []flow.Zone{flow.ZonePublic}}),
			facts("192.0.2.7", flow.ZoneUnknown, flow.ProofNone), allowed("p"), ""},
		{"unknown does not include public", list(rules.Rule{Name: "p", Action: allow, Zones: []flow.Zone{flow.ZoneUnknown}}),
			public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"range matches", list(test), lan(), allowed("net"), "rule net allows address 192.0.2.0/24 or 2001:db8::/32"},
		{"IPv6 range matches", list(test), facts("2001:db8::7", flow.ZonePublic, flow.ProofNone), allowed("net"), ""},
		{"range matches a mapped address", list(test), facts("::ffff:192.0.2.7", flow.ZoneLAN, flow.ProofNone), allowed("net"), ""},
		{"range matches an address with a zone", list(rules.Rule{Name: "ll", Action: deny, CIDRs: ranges("fe80::/10")}),
			facts("fe80::1%eth0", flow.ZoneLinkLocal, flow.ProofNone), denied("ll", flow.CauseRule), ""},
		{"range does not match", list(test), public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"range does not match a Unix peer", list(rules.Rule{Name: "n", Action: deny, CIDRs: ranges("0.0.0.0/0", "::/0")}), unixPeer(), allowed("builtin.local"), ""},
		{"interface by start", list(eth), lan(via("eth1")), allowed("eth"), ""},
		{"interface by name", list(eth), lan(via("wg0")), allowed("eth"), ""},
		{"interface is not a start", list(eth), lan(via("wg01")), denied("builtin.default", flow.CauseNonLocal), ""},
		{"unknown interface: allow does not match", list(eth), lan(via("")), denied("builtin.default", flow.CauseNonLocal), ""},
		{"unknown interface: deny matches", list(rules.Rule{Name: "no-eth", Action: deny, Interfaces: []string{"eth0"}}),
			local(via("")), denied("no-eth", flow.CauseRule),
			"rule no-eth denies interface eth0; the peer is 127.0.0.1 in zone loopback (interfaces: the ingress interface is not known, which counts as a match for a deny rule)"},
		{"a Unix peer has no interface", list(rules.Rule{Name: "no-eth", Action: deny, Interfaces: []string{"*"}}), unixPeer(), allowed("builtin.local"), ""},
		{"user by name", list(noBob), local(uid(1002, "bob")), denied("no-bob", flow.CauseRule),
			"rule no-bob denies user bob or 1003; the peer is user bob (uid 1002) at 127.0.0.1"},
		{"user by number", list(noBob), local(uid(1003, "")), denied("no-bob", flow.CauseRule),
			"rule no-bob denies user bob or 1003; the peer is uid 1003 at 127.0.0.1"},
		{"another user", list(noBob), local(uid(1001, "alice")), allowed("builtin.local"), ""},
		{"unknown user: deny matches", list(noBob), local(), denied("no-bob", flow.CauseRule),
			"rule no-bob denies user bob or 1003; the peer is 127.0.0.1 in zone loopback (users: the peer's user is not known, which counts as a match for a deny rule)"},
		{"unknown user: allow does not match", list(alice, rules.Rule{Name: "rest", Action: deny}), local(), denied("rest", flow.CauseRule), ""},
		{"uid 0 of an unknown origin is not root", list(rules.Rule{Name: "root", Action: allow, Users: []string{"0"}}, rules.Rule{Name: "rest", Action: deny}),
			local(), denied("rest", flow.CauseRule), ""},
		{"all conditions together", list(rules.Rule{Name: "all", Action: deny, Zones: []flow.Zone{flow.ZoneLoopback}, CIDRs: ranges("127.0.0.0/8"),
			Interfaces: []string{"lo"}, Users: []string{"bob"}, When: "hour == 14"}), local(uid(1002, "bob")), denied("all", flow.CauseRule), ""},
		{"one of them does not hold", list(rules.Rule{Name: "all", Action: deny, Zones: []flow.Zone{flow.ZoneLoopback}, CIDRs: ranges("127.0.0.0/8"),
			Interfaces: []string{"eth0"}, Users: []string{"bob"}, When: "hour == 14"}), local(uid(1002, "bob")), allowed("builtin.local"), ""},
		{"what does not hold outweighs what is not known", list(rules.Rule{Name: "n", Action: deny, Users: []string{"bob"}, When: "hour == 3"}), local(),
			allowed("builtin.local"), ""},
		{"other services", list(rules.Rule{Name: "n", Action: deny, Services: []string{"pg"}}), local(), allowed("builtin.local"), ""},
		{"its service", list(rules.Rule{Name: "n", Action: deny, Services: []string{"pg", "db"}}), local(), denied("n", flow.CauseRule), ""},
	})
}

func TestOrder(t *testing.T) {
	flags := rules.Rule{Name: "flag.deny.lan", Action: deny, Zones: []flow.Zone{flow.ZoneLAN}}
	run(t, []decideCase{
		{"first match wins: deny", list(flags, rules.Rule{Name: "all", Action: allow}), lan(), denied("flag.deny.lan", flow.CauseRule), ""},
		{"first match wins: allow", list(rules.Rule{Name: "all", Action: allow}, flags), lan(), allowed("all"), ""},
		{"a narrower range does not come first", list(
			rules.Rule{Name: "wide", Action: allow, CIDRs: ranges("192.0.0.0/8")},
			rules.Rule{Name: "narrow", Action: deny, CIDRs: ranges("192.0.2.0/24")}), lan(), allowed("wide"), ""},
		{"a narrower range that is first", list(
			rules.Rule{Name: "narrow", Action: deny, CIDRs: ranges("192.0.2.0/24")},
			rules.Rule{Name: "wide", Action: allow, CIDRs: ranges("192.0.0.0/8")}), lan(), denied("narrow", flow.CauseRule), ""},
		{"a rule on an interface before one on a range", list(
			rules.Rule{Name: "eth", Action: deny, Interfaces: []string{"e*"}},
			rules.Rule{Name: "net", Action: allow, CIDRs: ranges("192.0.2.0/24")}), lan(), denied("eth", flow.CauseRule), ""},
	})
	own := []rules.Service{{Name: "db", Rules: []rules.Rule{{Name: "own", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}}}, {Name: "other"}}
	set, err := rules.Compile(list(flags), own, config())
	if err != nil {
		t.Fatal(err)
	}
	if v := set.Decide(lan()); v.Rule != "own" {
		t.Errorf("a service's own rule must come first: %+v", v)
	}
	if v := set.Decide(lan(to("other"))); v.Rule != "flag.deny.lan" {
		t.Errorf("another service's own rule must not matter: %+v", v)
	}
}

func TestUnixBackend(t *testing.T) {
	pg := to("pg")
	loopback := rules.Rule{Name: "lo", Action: allow, Zones: []flow.Zone{flow.ZoneLoopback, flow.ZoneUnix}}
	alice := rules.Rule{Name: "alice", Action: allow, Users: []string{"alice"}}
	identity := denied("builtin.unix_backend", flow.CauseIdentity)
	run(t, []decideCase{
		{"the own user", list(), local(pg, uid(ownUID, "me")), allowed("builtin.local"), "lodoor's own user is let in"},
		{"another user", list(), local(pg, uid(1001, "alice")), identity,
			"user alice (uid 1001) is not lodoor's own user (uid 1000), for whom the backend's Unix socket would take it; an allow rule with users: [1001] lets it in"},
		{"an unknown user", list(), local(pg), identity,
			"the user at 127.0.0.1 is not known, and the backend's Unix socket would take it for lodoor's own, uid 1000; only an allow rule with users lets others in, by name or number"},
		{"root too", list(), local(pg, uid(0, "root")), identity, ""},
		{"a Unix front too", list(), unixPeer(pg, uid(1001, "alice")), identity, ""},
		{"a rule with users", list(alice), local(pg, uid(1001, "alice")), allowed("alice"), ""},
		{"a rule by zone only is for the own user", list(loopback), local(pg, uid(ownUID, "me")), allowed("lo"), ""},
		{"a rule by zone only does not open it", list(loopback), local(pg, uid(1001, "alice")), identity, ""},
		{"a rule without condition does not open it", list(rules.Rule{Name: "all", Action: allow}), local(pg, uid(1001, "alice")), identity, ""},
		{"a rule with an expression on the user does not open it", list(rules.Rule{Name: "w", Action: allow, When: `user == "alice"`}),
			local(pg, uid(1001, "alice")), identity, ""},
		{"the next rule is asked", list(loopback, alice), local(pg, uid(1001, "alice")), allowed("alice"), ""},
		{"lan without a rule is not local", list(), lan(pg), denied("builtin.default", flow.CauseNonLocal), ""},
		{"lan with a rule is nobody", list(rules.Rule{Name: "lan", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}), lan(pg), identity, ""},
		{"a deny rule comes first", list(rules.Rule{Name: "n", Action: deny, Users: []string{"alice"}}, alice), local(pg, uid(1001, "alice")), denied("n", flow.CauseRule), ""},
		{"observe lets in and says so", observing(), local(pg, uid(1001, "alice")), told("builtin.unix_backend", flow.CauseIdentity), ""},
		{"a rule that observes does not open it", list(rules.Rule{Name: "o", Action: deny, Enforce: rules.EnforceObserve, Zones: []flow.Zone{flow.ZoneLoopback}}),
			local(pg, uid(1001, "alice")), identity, ""},
		{"a rule that observes lan does not open it", list(rules.Rule{Name: "o", Action: deny, Enforce: rules.EnforceObserve, Zones: []flow.Zone{flow.ZoneLAN}},
			rules.Rule{Name: "lan", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}), lan(pg), identity, ""},
		{"nor one that only observes lan", list(rules.Rule{Name: "o", Action: deny, Enforce: rules.EnforceObserve, Zones: []flow.Zone{flow.ZoneLAN}}),
			lan(pg), denied("builtin.default", flow.CauseNonLocal), ""},
		{"other services do not care", list(), local(uid(1001, "alice")), allowed("builtin.local"), ""},
	})
}

func TestObserve(t *testing.T) {
	watch := func(r rules.Rule) rules.Rule { r.Action, r.Enforce = deny, rules.EnforceObserve; return r }
	enforced := rules.Rule{Name: "strict", Action: deny, Enforce: rules.EnforceOn, Zones: []flow.Zone{flow.ZoneLAN}}
	watchLAN := watch(rules.Rule{Name: "watch", Zones: []flow.Zone{flow.ZoneLAN}})
	watchBob := watch(rules.Rule{Name: "watch", Users: []string{"bob"}})
	run(t, []decideCase{
		{"global: a rule's denial is told", observing(rules.Rule{Name: "n", Action: deny}), local(), told("n", flow.CauseRule),
			"rule n denies everybody; the peer is 127.0.0.1 in zone loopback"},
		{"global: a rule's own setting beats it", observing(enforced), lan(), denied("strict", flow.CauseRule), ""},
		{"rule: a local peer is let in and told", list(watchBob), local(uid(1002, "bob")), told("watch", flow.CauseRule), ""},
		{"rule: lets in the place that it names", list(watchLAN), lan(), told("watch", flow.CauseRule), "rule watch denies zone lan; the peer is 192.0.2.7 in zone lan"},
		{"rule: no other place", list(watchLAN), public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"rule: one that names no place opens none", list(watch(rules.Rule{Name: "w", When: "hour == 14"})), public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"rule: one without conditions opens none", list(watch(rules.Rule{Name: "w"})), public(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"rule: what is not known opens nothing", list(watch(rules.Rule{Name: "w", Zones: []flow.Zone{flow.ZoneLAN}, Users: []string{"bob"}})), lan(),
			denied("builtin.default", flow.CauseNonLocal), ""},
		{"rule: what is not known is told of local peers", list(watchBob), local(), told("watch", flow.CauseRule), ""},
		{"rule: a denial after it is carried out", list(watchLAN, enforced), lan(), denied("strict", flow.CauseRule), ""},
		{"rule: an allowance after it is told", list(watchLAN, rules.Rule{Name: "ok", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}), lan(), told("watch", flow.CauseRule), ""},
		{"rule: an allowance before it wins", list(rules.Rule{Name: "ok", Action: allow, Zones: []flow.Zone{flow.ZoneLAN}}, watchLAN), lan(), allowed("ok"), ""},
		{"rule: the first of two is told", list(watchLAN, watch(rules.Rule{Name: "two", CIDRs: ranges("192.0.2.0/24")})), lan(), told("watch", flow.CauseRule), ""},
	})
}

func TestWhen(t *testing.T) {
	when := func(a rules.Action, text string) rules.Settings {
		return list(rules.Rule{Name: "w", Action: a, When: text}, rules.Rule{Name: "rest", Action: deny})
	}
	yes, none := allowed("w"), denied("rest", flow.CauseRule)
	saturday := at(time.Date(2026, 3, 7, 23, 5, 0, 0, time.UTC))
	var cases []decideCase
	for _, c := range []struct {
		text  string
		facts *flow.Facts
		want  flow.Verdict
	}{
		{`peer.address == "192.0.2.7" && peer.port == 40000`, lan(), yes},
		{`inCIDR(peer.address, "192.0.2.0/24")`, lan(), yes},
		{`inCIDR(peer.address, "192.0.2.0/24")`, public(), none},
		{`inCIDR(peer.address, "192.0.2.0/24")`, unixPeer(), none},
		{`peer.zone in ["lan", "vpn"] && peer.interface startsWith "eth"`, lan(), yes},
		{`peer.local`, local(), yes},
		{`not peer.local`, local(), none},
		{`service == "db" && front.port == 62893 && front.address == "127.0.0.1"`, local(), yes},
		{`front.path == "/run/db" && peer.address == ""`, unixPeer(), yes},
		{`user == "alice" && uid == 1001`, local(uid(1001, "alice")), yes},
		{`user == "alice"`, local(), none},
		{`user != "bob"`, local(), none}, // not known: not "anybody but bob"
		{`uid_known && uid >= 1000`, local(), none},
		{`not uid_known || uid == 7`, local(), yes},
		{`hour in 9..17 && minute == 30 && weekday == "monday"`, local(), yes},
		{`hour in 9..17`, local(saturday), none},
		{`weekday in ["saturday", "sunday"]`, local(saturday), yes},
		{`time < date("2026-03-03")`, local(), yes},
		{`upper(user) matches "^AL"`, local(uid(1001, "alice")), yes},
		{`1 / 0 > 1 && 5 % (peer.port - 40000) == 1`, local(), none},
		{`let night = hour < 6; night || hour == 14`, local(), yes},
	} {
		cases = append(cases, decideCase{c.text, when(allow, c.text), c.facts, c.want, ""})
	}
	cases = append(cases,
		decideCase{"an error is a match for deny", list(rules.Rule{Name: "w", Action: deny, When: "5 % (peer.port - 40000) == 1"}), local(),
			denied("w", flow.CauseRule), ""},
		decideCase{"the user that is not known is a match for deny", list(rules.Rule{Name: "w", Action: deny, When: `user == "bob"`}), local(),
			denied("w", flow.CauseRule), `rule w denies when user == "bob"; the peer is 127.0.0.1 in zone loopback ` +
				`(when: line 1, column 1: the peer's user is not known, which counts as a match for a deny rule)`},
	)
	run(t, cases)
}

// A decision must not depend on where the machine is: hour is of Config.Location.
func TestWhenLocation(t *testing.T) {
	c := config()
	c.Location = time.FixedZone("east", 8*3600)
	set, err := rules.Compile(list(rules.Rule{Name: "night", Action: deny, When: `hour == 22 && weekday == "monday"`}), doors(), c)
	if err != nil {
		t.Fatal(err)
	}
	if v := set.Decide(local()); v.Rule != "night" {
		t.Errorf("14:30 UTC is 22:30 there: %+v", v)
	}
}

func TestManyDecideAtOnce(t *testing.T) {
	set := compile(t, list(rules.Rule{Name: "w", Action: deny, When: `peer.address == "192.0.2.7"`}))
	done := make(chan string, 8)
	for i := range 8 {
		go func() {
			f, want := lan(), "w"
			if i%2 == 0 {
				f, want = local(), "builtin.local"
			}
			for range 500 {
				if v := set.Decide(f); v.Rule != want {
					done <- v.Rule + " for " + f.Peer.Addr.String()
					return
				}
			}
			done <- ""
		}()
	}
	for range 8 {
		if wrong := <-done; wrong != "" {
			t.Error(wrong)
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	set := compile(t, list(
		rules.Rule{Name: "a", Action: deny, CIDRs: ranges("10.0.0.0/8", "192.0.2.0/24")},
		rules.Rule{Name: "b", Action: deny, Interfaces: []string{"eth*"}},
		rules.Rule{Name: "c", Action: deny, Zones: []flow.Zone{flow.ZoneLoopback}, Users: []string{"bob"}},
		rules.Rule{Name: "d", Action: deny, Services: []string{"db"}, ClientZones: []flow.Zone{flow.ZoneVPN}},
		rules.Rule{Name: "e", Action: deny, Services: []string{"db"}, Executables: []string{"/tmp/"}, Forwarder: rules.Forwarders{"false"}},
		rules.Rule{Name: "f", Action: deny, Services: []string{"db"}, Programs: []string{"x*"}, Containers: []string{"docker"}, Units: []string{"x"}}))
	mapped := func(f *flow.Facts) { f.Peer.Addr = netip.MustParseAddrPort("[::ffff:127.0.0.1]:4000") }
	for name, f := range map[string]*flow.Facts{
		"one process": local(by(psql()), mapped), "two": local(by(psql(), psql()), mapped), "a client": local(by(psql()), speaksFor("127.0.0.1", flow.ZoneLoopback)),
	} {
		if n := testing.AllocsPerRun(1000, func() {
			if set.Decide(f).Action != flow.Allow {
				t.Error("denied")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	early := local(uid(1001, "alice"))
	if n := testing.AllocsPerRun(1000, func() {
		if set.Decide(early).Action != flow.Need {
			t.Error("the process is not asked for")
		}
	}); n != 0 {
		t.Errorf("to ask for the process: %v allocations", n)
	}
}
