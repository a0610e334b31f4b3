package rules_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// needs is the answer of a rule that has to know the process.
func needs(rule string) flow.Verdict { return flow.Verdict{Action: flow.Need, Rule: rule} }

// allowOnly are rules that let in whom the first matches, and nobody else.
func allowOnly(r rules.Rule) rules.Settings {
	r.Name, r.Action = "r", allow
	return list(r, rules.Rule{Name: "rest", Action: deny})
}

func TestProcessConditions(t *testing.T) {
	gone := psql()
	gone.Executable.Deleted = true
	nobodyKnows := dark()
	yes, none := allowed("r"), denied("rest", flow.CauseRule)
	var cases []decideCase
	for _, c := range []struct {
		name string
		rule rules.Rule
		who  *flow.Process
		want flow.Verdict
	}{
		{"executable", rules.Rule{Executables: []string{"/usr/bin/psql"}}, psql(), yes},
		{"another executable", rules.Rule{Executables: []string{"/usr/bin/psq", "/usr/bin/psql2", "/usr/bin"}}, psql(), none},
		{"below a directory", rules.Rule{Executables: []string{"/opt/", "/usr/"}}, psql(), yes},
		{"a directory is not a start", rules.Rule{Executables: []string{"/usr/bi/"}}, psql(), none},
		{"an executable that is gone", rules.Rule{Executables: []string{"/usr/bin/psql"}}, gone, none},
		{"an executable that is not known", rules.Rule{Executables: []string{"/"}}, nobodyKnows, none},
		{"program", rules.Rule{Programs: []string{"psql"}}, psql(), yes},
		{"program by start", rules.Rule{Programs: []string{"node *"}}, node(), yes},
		{"program is not a start", rules.Rule{Programs: []string{"node"}}, node(), none},
		{"a program that is not known", rules.Rule{Programs: []string{"*"}}, nobodyKnows, none},
		{"container by id", rules.Rule{Containers: []string{"0123456789ab"}}, node(), yes},
		{"another container", rules.Rule{Containers: []string{"0123456789ac"}}, node(), none},
		{"container by runtime", rules.Rule{Containers: []string{"docker"}}, node(), yes},
		{"another runtime", rules.Rule{Containers: []string{"podman"}}, node(), none},
		{"any container", rules.Rule{Containers: []string{"*"}}, node(), yes},
		{"any container is not none", rules.Rule{Containers: []string{"*"}}, psql(), none},
		{"no container", rules.Rule{Containers: []string{"none"}}, psql(), yes},
		{"no container is not one", rules.Rule{Containers: []string{"none"}}, node(), none},
		{"a container that is not known", rules.Rule{Containers: []string{"none", "*"}}, nobodyKnows, none},
		{"unit", rules.Rule{Units: []string{"session-3.scope"}}, psql(), yes},
		{"unit by start", rules.Rule{Units: []string{"shop@*"}}, node(), yes},
		{"another unit", rules.Rule{Units: []string{"shop.service"}}, node(), none},
		{"a unit that is not known", rules.Rule{Units: []string{"*"}}, nobodyKnows, none},
		{"all together", rules.Rule{Executables: []string{"/usr/local/"}, Programs: []string{"node*"}, Containers: []string{"docker"},
			Units: []string{"shop@1.service"}, Users: []string{"alice"}, Forwarder: rules.Forwarders{rules.NoForwarder}}, node(), yes},
	} {
		cases = append(cases, decideCase{c.name, allowOnly(c.rule), local(by(c.who)), c.want, ""})
	}
	noPsql := rules.Rule{Name: "no-psql", Action: deny, Executables: []string{"/usr/bin/psql"}}
	cases = append(cases,
		decideCase{"a file that is gone counts against the peer", list(noPsql), local(by(gone)), denied("no-psql", flow.CauseRule),
			"rule no-psql denies executable /usr/bin/psql; the peer is psql (pid 4242) of user alice at 127.0.0.1 " +
				"(executables: the process's file is not known, which counts as a match for a deny rule)"},
		decideCase{"another file that is gone does not", list(noPsql), local(by(&flow.Process{PID: 1, Executable: flow.Executable{Path: "/bin/x", Deleted: true}})),
			allowed("builtin.local"), ""},
		decideCase{"a name that colours the terminal", list(rules.Rule{Name: "n", Action: deny}), local(by(&flow.Process{PID: 7, Program: "\x1b[31mroot\nx"})),
			denied("n", flow.CauseRule), `rule n denies everybody; the peer is "\x1b[31mroot\nx" (pid 7) of user alice at 127.0.0.1`},
	)
	run(t, cases)
}

// Any of the processes that hold the socket may speak.
func TestSeveralHolders(t *testing.T) {
	byName := rules.Rule{Programs: []string{"psql"}}
	either := rules.Rule{Programs: []string{"psql", "node *"}}
	noNode := list(rules.Rule{Name: "no-node", Action: deny, Programs: []string{"node *"}})
	when := func(text string) rules.Settings { return allowOnly(rules.Rule{When: text}) }
	both := local(by(psql(), node()))
	yes, none := allowed("r"), denied("rest", flow.CauseRule)
	run(t, []decideCase{
		{"all match", allowOnly(either), both, yes, ""},
		{"some match: allow does not", allowOnly(byName), both, none, ""},
		{"some match: deny does", noNode, both, denied("no-node", flow.CauseRule),
			"rule no-node denies program node *; the peer is psql (pid 4242) and 1 more of user alice at 127.0.0.1 " +
				"(programs: not all of the processes that may speak on the connection are known to match, which counts as a match for a deny rule)"},
		{"none matches", list(rules.Rule{Name: "n", Action: deny, Programs: []string{"x"}}), both, allowed("builtin.local"), ""},
		{"when: all", when(`process.program in ["psql", "node server.js"]`), both, yes, ""},
		{"when: some", when(`process.program == "psql"`), both, none, ""},
		{"when: none", list(rules.Rule{Name: "n", Action: deny, When: `process.pid == 3`}), both, allowed("builtin.local"), ""},
		{"when: some is a match for deny", list(rules.Rule{Name: "n", Action: deny, When: `process.pid == 5000`}), both, denied("n", flow.CauseRule),
			"rule n denies when process.pid == 5000; the peer is psql (pid 4242) and 1 more of user alice at 127.0.0.1 " +
				"(when: the processes that may speak on the connection do not agree, which counts as a match for a deny rule)"},
		{"when: one of them is not known", when(`process.tty == ""`), local(by(node(), dark())), yes, ""},
		{"when: what one does not tell", when(`process.program != "psql"`), local(by(node(), dark())), none, ""},
		{"what one that connected and left has sent counts", allowOnly(byName), local(by(node()), func(f *flow.Facts) { f.Origin.Holders = []*flow.Process{psql()} }), none, ""},
		{"so it does in when", when(`process.program == "psql"`), local(by(node()), func(f *flow.Facts) { f.Origin.Holders = []*flow.Process{psql()} }), none, ""},
		{"one that connected and left", allowOnly(either), local(by(psql()), func(f *flow.Facts) { f.Origin.Holders = []*flow.Process{dark()} }), none, ""},
	})
}

// Only a rule that is reached, and whose other conditions hold, has the process looked for.
func TestNeed(t *testing.T) {
	shop := rules.Rule{Name: "shop", Action: allow, Programs: []string{"psql"}}
	noEvil := rules.Rule{Name: "no-evil", Action: deny, Executables: []string{"/tmp/"}}
	tunnel := rules.Rule{Name: "tunnel", Action: deny, Forwarder: rules.Forwarders{rules.AnyForwarder}}
	rest := rules.Rule{Name: "rest", Action: deny}
	all := rules.Rule{Name: "all", Action: allow, Zones: []flow.Zone{flow.ZoneLoopback}}
	with := func(r rules.Rule, f func(*rules.Rule)) rules.Rule { f(&r); return r }
	watch := with(noEvil, func(r *rules.Rule) { r.Enforce = rules.EnforceObserve })
	unsure := with(shop, func(r *rules.Rule) { r.OnUnknown = rules.OnUnknownAllow })
	when := func(text string) rules.Settings { return list(rules.Rule{Name: "w", Action: deny, When: text}) }
	alice := uid(1001, "alice")
	run(t, []decideCase{
		{"allow", list(shop, rest), local(), needs("shop"), "the peer's process has to be looked for first"},
		{"deny", list(noEvil), local(), needs("no-evil"), ""},
		{"forwarder", list(tunnel), local(), needs("tunnel"), ""},
		{"the user alone is not enough", list(shop), local(alice), needs("shop"), ""},
		{"whatever on_unknown says", list(unsure, rest), local(), needs("shop"), ""},
		{"a denial that is only told", list(watch), local(), needs("no-evil"), ""},
		{"found", list(shop, rest), local(by(psql())), allowed("shop"), ""},
		{"sought in vain: allow does not match", list(shop, rest), local(sought), denied("rest", flow.CauseRule), ""},
		{"sought in vain: deny matches", list(noEvil), local(sought), denied("no-evil", flow.CauseRule),
			"rule no-evil denies executable /tmp/; the peer is 127.0.0.1 in zone loopback " +
				"(executables: the peer's process is not known, which counts as a match for a deny rule)"},
		{"a rule before it decides", list(all, shop), local(), allowed("all"), ""},
		{"a rule after it does not", list(shop, all), local(), needs("shop"), ""},
		{"the first of two is named", list(shop, noEvil), local(), needs("shop"), ""},
		{"not in its zone", list(with(noEvil, func(r *rules.Rule) { r.Zones = []flow.Zone{flow.ZoneLAN} })), local(), allowed("builtin.local"), ""},
		{"not in its range", list(with(noEvil, func(r *rules.Rule) { r.CIDRs = ranges("10.0.0.0/8") })), local(), allowed("builtin.local"), ""},
		{"not on its interface", list(with(noEvil, func(r *rules.Rule) { r.Interfaces = []string{"eth0"} })), local(), allowed("builtin.local"), ""},
		{"not its user", list(with(noEvil, func(r *rules.Rule) { r.Users = []string{"bob"} })), local(alice), allowed("builtin.local"), ""},
		{"not its client", list(with(noEvil, func(r *rules.Rule) { r.ClientZones = []flow.Zone{flow.ZoneLAN} })), local(), allowed("builtin.local"), ""},
		{"not its time", list(with(noEvil, func(r *rules.Rule) { r.When = "hour == 3" })), local(), allowed("builtin.local"), ""},
		{"its interface is not known", list(with(noEvil, func(r *rules.Rule) { r.Interfaces = []string{"eth0"} })), local(via("")), needs("no-evil"), ""},
		{"when", when(`process.program == "x"`), local(), needs("w"), ""},
		{"when: the process is not reached", when(`hour == 3 and process.program == "x"`), local(), allowed("builtin.local"), ""},
		{"when: attribution", when(`attribution == "none"`), local(), needs("w"), ""},
		{"when: attribution is known once sought", when(`attribution == "none"`), local(sought), denied("w", flow.CauseRule), ""},
		{"when: forwarder", when(`forwarder != ""`), local(), needs("w"), ""},
		{"when: the user is not looked for", when(`user == "bob"`), local(), denied("w", flow.CauseRule), ""},
		{"a disguised peer", list(shop), fake(), denied("builtin.disguised", flow.CauseDisguised), ""},
		{"before a Unix socket: a rule that cannot let in", list(shop), local(to("pg"), alice), denied("builtin.unix_backend", flow.CauseIdentity), ""},
		{"before a Unix socket: the own user", list(shop), local(to("pg"), uid(ownUID, "me")), needs("shop"), ""},
		{"before a Unix socket: a forwarder of the own user", list(tunnel), local(to("pg"), func(f *flow.Facts) {
			carried("sshd")(f)
			f.Origin.UID = ownUID
		}), denied("tunnel", flow.CauseRule), ""},
	})
}

func TestForwarder(t *testing.T) {
	named := func(names ...rules.ForwarderName) rules.Settings { return allowOnly(rules.Rule{Forwarder: names}) }
	yes, none := allowed("r"), denied("rest", flow.CauseRule)
	tunnel := list(rules.Rule{Name: "tunnel", Action: deny, Forwarder: rules.Forwarders{rules.AnyForwarder}})
	run(t, []decideCase{
		{"any", named("true"), local(carried("sshd")), yes, "rule r allows any forwarder"},
		{"any is not none", named("true"), local(by(psql())), none, ""},
		{"these", named("docker-proxy", "sshd"), local(carried("sshd")), yes, ""},
		{"others", named("docker-proxy"), local(carried("sshd")), none, ""},
		{"certainly none", named("false"), local(by(psql())), yes, ""},
		{"certainly none is not one", named("false"), local(carried("sshd")), none, ""},
		{"not known is not none", named("false"), local(sought), none, ""},
		{"denied", tunnel, local(carried("sshd")), denied("tunnel", flow.CauseRule),
			"rule tunnel denies any forwarder; the peer is sshd (pid 800) of user alice at 127.0.0.1, carried by sshd from 203.0.113.5"},
		{"not known is denied", tunnel, local(sought), denied("tunnel", flow.CauseRule), ""},
		{"among several", list(rules.Rule{Name: "t", Action: deny, OnUnknown: rules.OnUnknownAllow, Forwarder: rules.Forwarders{"sshd"}}),
			local(carried("sshd"), func(f *flow.Facts) { f.Origin.Holders = []*flow.Process{f.Origin.Process, psql()} }), denied("t", flow.CauseRule), ""},
	})
}

func TestOnUnknown(t *testing.T) {
	shop := rules.Rule{Name: "shop", Action: allow, OnUnknown: rules.OnUnknownAllow, Programs: []string{"psql"}}
	noEvil := rules.Rule{Name: "no-evil", Action: deny, OnUnknown: rules.OnUnknownAllow, Programs: []string{"evil"}}
	alice := rules.Rule{Name: "alice", Action: allow, OnUnknown: rules.OnUnknownAllow, Users: []string{"alice"}}
	rest := rules.Rule{Name: "rest", Action: deny}
	global := func(u rules.OnUnknown, r ...rules.Rule) rules.Settings { return rules.Settings{OnUnknown: u, Rules: r} }
	strict := noEvil
	strict.OnUnknown = rules.OnUnknownDeny
	plain := noEvil
	plain.OnUnknown = rules.OnUnknownDefault
	run(t, []decideCase{
		{"an allow rule matches", list(shop, rest), local(sought), allowed("shop"),
			"rule shop allows program psql (programs: the peer's process is not known, which counts as a match: on_unknown is allow)"},
		{"a deny rule does not", list(noEvil), local(sought), allowed("builtin.local"), ""},
		{"what is known stays known", list(shop, rest), local(by(node())), denied("rest", flow.CauseRule), ""},
		{"an expression too", list(rules.Rule{Name: "w", Action: deny, OnUnknown: rules.OnUnknownAllow, When: `user == "bob"`}), local(), allowed("builtin.local"), ""},
		{"nobody from elsewhere is let in for it", list(shop), lan(sought), denied("builtin.default", flow.CauseNonLocal), ""},
		{"nor by a user that is not known", list(alice), lan(), denied("builtin.default", flow.CauseNonLocal), ""},
		{"nor to a Unix socket", list(alice), local(to("pg")), denied("builtin.unix_backend", flow.CauseIdentity), ""},
		{"global", global(rules.OnUnknownAllow, plain), local(sought), allowed("builtin.local"), ""},
		{"a rule's own beats it", global(rules.OnUnknownAllow, strict), local(sought), denied("no-evil", flow.CauseRule), ""},
		{"global deny is the default", global(rules.OnUnknownDeny, plain), local(sought), denied("no-evil", flow.CauseRule), ""},
	})
}

func TestWhenOfProcess(t *testing.T) {
	yes, none := allowed("r"), denied("rest", flow.CauseRule)
	var cases []decideCase
	for _, c := range []struct {
		text  string
		facts *flow.Facts
		want  flow.Verdict
	}{
		{`process.pid == 4242 && process.program == "psql" && process.executable startsWith "/usr/"`, local(by(psql())), yes},
		{`process.command_line contains "shop" && process.cwd == "/home/alice" && process.tty == "pts/3"`, local(by(psql())), yes},
		{`process.cgroup matches "session" && process.unit == "session-3.scope" && process.container == "" && process.runtime == ""`, local(by(psql())), yes},
		{`process.user == "alice" && process.uid == uid`, local(by(psql())), yes},
		{`"bash" in process.parents && not ("sshd" in process.parents) && len(process.parents) == 2 && process.parents[0] == "bash"`, local(by(psql())), yes},
		{`process?.program == "psql"`, local(by(psql())), yes},
		{`let p = process.program; p == "psql"`, local(by(psql())), yes},
		{`process.runtime == "docker" && process.container startsWith "0123" && process.tty == ""`, local(by(node())), yes},
		{`process.cwd == ""`, local(by(node())), none}, // not known: not "nowhere"
		{`process.command_line == ""`, local(by(node())), none},
		{`process.executable == ""`, local(by(dark())), none},
		{`process.uid == 0`, local(by(dark())), none},
		{`process.unit == ""`, local(by(dark())), none},
		{`process.container == ""`, local(by(dark())), none},
		{`not ("sshd" in process.parents)`, local(by(dark())), none},
		{`process.pid != 1`, local(sought), none},
		{`forwarder == "sshd" && forwarder_zone == "public" && not forwarder_own`, local(carried("sshd")), yes},
		{`forwarder == "" && forwarder_zone == ""`, local(by(psql())), yes},
		{`forwarder == ""`, local(sought), none},
		{`attribution == "live_socket"`, local(by(psql())), yes},
		{`attribution in ["none", "uid_only"] or process.program == "x"`, local(sought), yes},
		{`client.address == peer.address && client.port == peer.port && client.zone == "loopback"`, local(), yes},
		{`client.address == "192.0.2.7" && client.port == 50000 && client.zone == "lan" && peer.zone == "loopback"`,
			local(speaksFor("::ffff:192.0.2.7", flow.ZoneLAN)), yes},
	} {
		cases = append(cases, decideCase{c.text, allowOnly(rules.Rule{When: c.text}), c.facts, c.want, ""})
	}
	run(t, cases)
}

// The second expression of a decision sees the process that the first did.
func TestWhenSharesTheProcess(t *testing.T) {
	set := compile(t, list(
		rules.Rule{Name: "a", Action: deny, When: `process.program == "x"`},
		rules.Rule{Name: "b", Action: deny, When: `process.program == "node server.js"`}))
	for range 3 {
		if v := set.Decide(local(by(psql()))); v.Action != flow.Allow {
			t.Error(v)
		}
		if v := set.Decide(local(by(node()))); v.Rule != "b" || strings.Contains(v.Reason, "known") {
			t.Error(v)
		}
		if v := set.Decide(local()); v.Action != flow.Need { // nothing of the one before is left
			t.Error(v)
		}
	}
}

func TestProcessErrors(t *testing.T) {
	for _, c := range []struct {
		rule rules.Rule
		want string
	}{
		{rules.Rule{Executables: []string{"psql"}}, `executables[0]: "psql": expected a whole path such as /usr/bin/psql, or a directory with a slash at the end such as /opt/app/`},
		{rules.Rule{Executables: []string{"/usr/../bin/psql"}}, `executables[0]: "/usr/../bin/psql": expected a whole path`},
		{rules.Rule{Executables: []string{"/", "/usr/bin/*"}}, `executables[1]: "/usr/bin/*": expected a whole path`},
		{rules.Rule{Programs: []string{"*x"}}, `programs[0]: "*x": expected a program such as psql, or the start of one and a * such as "python *"`},
		{rules.Rule{Units: []string{""}}, `units[0]: "": expected a unit such as shop.service, or the start of one and a * such as postgresql@*`},
		{rules.Rule{Containers: []string{"none", "0123456789a"}}, `containers[1]: "0123456789a": expected at least 12 digits of an id, one of docker, podman`},
		{rules.Rule{Containers: []string{"dockr"}}, `containers[0]: "dockr": expected`},
		{rules.Rule{Containers: []string{}}, `containers: the list is empty`},
		{rules.Rule{ClientZones: []flow.Zone{99}}, `client_zones[0]: unknown zone invalid(99)`},
		{rules.Rule{ClientCIDRs: []rules.CIDR{{}}}, `client_cidrs[0]: CIDR: expected a range`},
		{rules.Rule{Forwarder: rules.Forwarders{}}, `forwarder: the list is empty`},
		{rules.Rule{Forwarder: rules.Forwarders{"sshd", "true"}}, `forwarder[1]: true stands alone`},
		{rules.Rule{Forwarder: rules.Forwarders{"ssh*"}}, `forwarder[0]: forwarder "ssh*": expected true for any, false for none, or names such as sshd`},
		{rules.Rule{OnUnknown: 9}, `on_unknown: unknown word invalid(9): expected one of deny, allow`},
		{rules.Rule{When: `process == nil`}, `when: line 1, column 1: expected a field, as in process.program or client.address`},
		{rules.Rule{When: `let p = process; p.program == "x"`}, `when: line 1, column 9: expected a field, as in process.program or client.address`},
		{rules.Rule{When: `process[service] == "x"`}, `when: `},
		{rules.Rule{When: `let c = client; c.port == 1`}, `when: line 1, column 9: expected a field`},
		{rules.Rule{When: `process.pidd == 1`}, `when: line 1, column 9: there is no process.pidd; docs/rules.md lists the fields`},
		{rules.Rule{When: `client.zone == "lna"`}, `when: line 1, column 16: client.zone is never "lna": expected one of unknown, unix`},
		{rules.Rule{When: `process.runtime == "dockr"`}, `when: line 1, column 20: process.runtime is never "dockr"`},
		{rules.Rule{When: `attribution in ["sure"]`}, `when: line 1, column 17: attribution is never "sure": expected one of none, uid_only, live_socket, exact_connect`},
		{rules.Rule{When: `any(process.parents, # == "sshd")`}, `when: line 1, column 22: loops`},
	} {
		c.rule.Name, c.rule.Action = "r", deny
		_, err := rules.Compile(list(c.rule), doors(), config())
		if err == nil || !strings.HasPrefix(err.Error(), `rules[0] "r": `+c.want) {
			t.Errorf("\n got %v\nwant %s", err, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		settings rules.Settings
		want     string
	}{
		{rules.Settings{}, ""},
		{rules.Settings{ProcessWait: time.Millisecond, OnUnknown: rules.OnUnknownAllow}, ""},
		{rules.Settings{ProcessWait: 10 * time.Second}, ""},
		{rules.Settings{ProcessWait: time.Microsecond}, "process_wait: 1µs: expected a time from 1ms to 10s, or 0 for 200ms"},
		{rules.Settings{ProcessWait: time.Minute}, "process_wait: 1m0s: expected a time from 1ms to 10s, or 0 for 200ms"},
		{rules.Settings{ProcessWait: -1}, "process_wait: -1ns: expected a time from 1ms to 10s, or 0 for 200ms"},
		{rules.Settings{OnUnknown: 7}, "on_unknown: unknown word invalid(7): expected one of deny, allow"},
	} {
		got := ""
		if err := c.settings.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
		if _, err := rules.Compile(c.settings, doors(), config()); (err != nil) != (c.want != "") {
			t.Errorf("Compile: %v", err)
		}
	}
	if got := compile(t, list()).ProcessWait(); got != 200*time.Millisecond {
		t.Errorf("the default wait is %v", got)
	}
	if got := compile(t, rules.Settings{ProcessWait: time.Second}).ProcessWait(); got != time.Second {
		t.Errorf("the wait is %v", got)
	}
}

func TestNeedsProcess(t *testing.T) {
	for _, c := range []struct {
		rule rules.Rule
		want bool
	}{
		{rules.Rule{}, false},
		{rules.Rule{Users: []string{"bob"}}, false},
		{rules.Rule{When: "uid_known and hour > 3 and client.port == 1"}, false},
		{rules.Rule{Executables: []string{"/"}}, true},
		{rules.Rule{Programs: []string{"*"}}, true},
		{rules.Rule{Containers: []string{"none"}}, true},
		{rules.Rule{Units: []string{"*"}}, true},
		{rules.Rule{Forwarder: rules.Forwarders{rules.NoForwarder}}, true},
		{rules.Rule{When: `"sshd" in process.parents`}, true},
		{rules.Rule{When: "forwarder_own"}, true},
		{rules.Rule{When: `attribution == "none"`}, true},
	} {
		c.rule.Name, c.rule.Action, c.rule.Services = "r", deny, []string{"db"}
		set := compile(t, list(c.rule))
		if set.NeedsProcess("db") != c.want || set.NeedsProcess("pg") || set.NeedsProcess("gone") {
			t.Errorf("%+v: got %v, and %v for another service", c.rule, set.NeedsProcess("db"), set.NeedsProcess("pg"))
		}
		if says := strings.HasSuffix(set.Summary("db"), "; the peer's process is waited for, at most 200ms"); says != c.want {
			t.Errorf("summary: %s", set.Summary("db"))
		}
	}
}

func TestExplainTellsWhatWasNotKnown(t *testing.T) {
	rule := func(name string, a rules.Action, f func(*rules.Rule)) rules.Rule {
		r := rules.Rule{Name: name, Action: a}
		f(&r)
		return r
	}
	settings := list(
		rule("exe", allow, func(r *rules.Rule) { r.Executables = []string{"/bin/x"} }),
		rule("name", deny, func(r *rules.Rule) { r.Programs = []string{"x"} }),
		rule("box", allow, func(r *rules.Rule) { r.Containers = []string{"*"}; r.Units = []string{"x"} }),
		rule("unit", allow, func(r *rules.Rule) { r.Units = []string{"x"} }),
		rule("tunnel", deny, func(r *rules.Rule) { r.Forwarder = rules.Forwarders{"sshd"} }),
		rule("office", allow, func(r *rules.Rule) { r.ClientZones = []flow.Zone{flow.ZoneLAN} }),
		rule("net", allow, func(r *rules.Rule) { r.ClientCIDRs = ranges("10.0.0.0/8") }),
		rule("cwd", deny, func(r *rules.Rule) { r.When = `process.cwd == "/x"`; r.OnUnknown = rules.OnUnknownAllow }),
	)
	f := local(by(node()))
	e := compile(t, settings).Explain(f)
	want := `node server.js (pid 5000) of user alice at 127.0.0.1 to service db: allow
builtin.local: local peers are let in

1   builtin.disguised  deny   no match  the peer does not claim to be what it is not
2   exe                allow  no match  executables: it is /usr/local/bin/node
3   name               deny   no match  programs: it is node server.js
4   box                allow  no match  units: it is shop@1.service
5   unit               allow  no match  units: it is shop@1.service
6   tunnel             deny   no match  forwarder: no forwarder carries the connection
7   office             allow  no match  client_zones: 127.0.0.1 is in zone loopback
8   net                allow  no match  client_cidrs: 127.0.0.1 is in none of them
9   cwd                deny   no match  when: line 1, column 9: process.cwd is not known
10  builtin.local      allow  decides   local peers are let in
11  builtin.default    deny   not reached
`
	if diff := cmp.Diff(want, e.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	e = compile(t, settings).Explain(local())
	want = `127.0.0.1 in zone loopback to service db: need
exe: the peer's process has to be looked for first

1   builtin.disguised  deny   no match  the peer does not claim to be what it is not
2   exe                allow  decides   executables: the peer's process has to be looked for first
`
	if got := e.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
