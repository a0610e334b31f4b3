package rules_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// Few values, so that rules and peers meet often.
func zones() *rapid.Generator[flow.Zone] {
	return rapid.Map(rapid.IntRange(0, int(flow.ZonePublic)), func(i int) flow.Zone { return flow.Zone(i) })
}

func maybe[T any](g *rapid.Generator[T]) *rapid.Generator[[]T] {
	return rapid.Custom(func(t *rapid.T) []T {
		if list := rapid.SliceOfN(g, 0, 2).Draw(t, "list"); len(list) > 0 {
			return list
		}
		return nil
	})
}

func anyRule() *rapid.Generator[rules.Rule] {
	return rapid.Custom(func(t *rapid.T) rules.Rule {
		enforcements := []rules.Enforcement{rules.EnforceDefault, rules.EnforceDefault, rules.EnforceOn, rules.EnforceObserve}
		r := rules.Rule{
			Action:     rapid.SampledFrom([]rules.Action{allow, deny}).Draw(t, "action"),
			Enforce:    rapid.SampledFrom(enforcements).Draw(t, "enforce"),
			OnUnknown:  unknowns().Draw(t, "on_unknown"),
			Services:   maybe(rapid.SampledFrom([]string{"db", "pg"})).Draw(t, "services"),
			Zones:      maybe(zones()).Draw(t, "zones"),
			CIDRs:      maybe(networks()).Draw(t, "cidrs"),
			Interfaces: maybe(rapid.SampledFrom([]string{"lo", "eth0", "eth*", "e*", "*"})).Draw(t, "interfaces"),
			Users:      maybe(rapid.SampledFrom([]string{"alice", "bob", "1000"})).Draw(t, "users"),
			When: rapid.SampledFrom([]string{"", "", "", "", "peer.local", `user == "bob"`, "1 % (hour - 14) == 0", `process.program == "psql"`,
				`hour == 15 and "bash" in process.parents`, `client.zone == "lan"`, `forwarder == "sshd"`, `attribution == "none"`}).Draw(t, "when"),
		}
		if rapid.Bool().Draw(t, "clients") {
			r.ClientZones = maybe(zones()).Draw(t, "client_zones")
			r.ClientCIDRs = maybe(networks()).Draw(t, "client_cidrs")
		}
		if rapid.Bool().Draw(t, "process") {
			r.Executables = maybe(rapid.SampledFrom([]string{"/usr/bin/psql", "/usr/", "/opt/"})).Draw(t, "executables")
			r.Programs = maybe(rapid.SampledFrom([]string{"psql", "node *", "*"})).Draw(t, "programs")
			r.Containers = maybe(rapid.SampledFrom([]string{"none", "*", "docker", containerID[:12]})).Draw(t, "containers")
			r.Units = maybe(rapid.SampledFrom([]string{"session-3.scope", "shop@*"})).Draw(t, "units")
			r.Forwarder = rapid.SampledFrom([]rules.Forwarders{nil, nil, {"true"}, {"false"}, {"sshd", "socat"}}).Draw(t, "forwarder")
		}
		return r
	})
}

func unknowns() *rapid.Generator[rules.OnUnknown] {
	return rapid.SampledFrom([]rules.OnUnknown{rules.OnUnknownDefault, rules.OnUnknownDeny, rules.OnUnknownAllow})
}

func networks() *rapid.Generator[rules.CIDR] {
	return rapid.SampledFrom(ranges("127.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "2001:db8::/32", "::/0"))
}

func anyList(prefix string) *rapid.Generator[[]rules.Rule] {
	return rapid.Custom(func(t *rapid.T) []rules.Rule {
		list := rapid.SliceOfN(anyRule(), 0, 8).Draw(t, "rules")
		for i := range list {
			list[i].Name = fmt.Sprint(prefix, i)
		}
		return list
	})
}

// anySettings are settings, and the services with rules of their own.
func anySettings(t *rapid.T) (rules.Settings, []rules.Service) {
	s := rules.Settings{
		Enforce:   rapid.SampledFrom([]rules.Enforcement{rules.EnforceOn, rules.EnforceObserve}).Draw(t, "global"),
		OnUnknown: unknowns().Draw(t, "global on_unknown"),
		Rules:     anyList("r").Draw(t, "global rules"),
	}
	services := doors()
	proxied := rapid.Bool().Draw(t, "proxied")
	for i := range services {
		own := anyList("own").Draw(t, "own rules")
		for j := range own {
			own[j].Services = nil
		}
		services[i].Rules = own
		services[i].ProxyProtocol = proxied
	}
	return s, services
}

func anyFacts() *rapid.Generator[*flow.Facts] {
	return rapid.Custom(func(t *rapid.T) *flow.Facts {
		zone := zones().Draw(t, "zone")
		f := facts(anyAddress().Draw(t, "addr"), zone, rapid.SampledFrom([]flow.Proof{flow.ProofNone, flow.ProofSocket}).Draw(t, "proof"),
			to(rapid.SampledFrom([]string{"db", "pg"}).Draw(t, "service")), via(rapid.SampledFrom([]string{"", "lo", "eth0", "eth1", "wg0"}).Draw(t, "interface")),
			at(monday().Add(time.Duration(rapid.IntRange(0, 1).Draw(t, "hours"))*time.Hour)))
		if zone == flow.ZoneUnix {
			f.Peer.Addr, f.Peer.Interface, f.Peer.Path = netip.AddrPort{}, "", "/run/db"
		}
		if zone.Local() && rapid.Bool().Draw(t, "known") {
			uid(uint32(rapid.IntRange(1000, 1002).Draw(t, "uid")), "")(f)
			if rapid.Bool().Draw(t, "found") {
				find(t, f)
			}
		}
		f.Sought = f.Sought || rapid.Bool().Draw(t, "sought")
		if zone != flow.ZoneUnix && rapid.IntRange(0, 2).Draw(t, "conveyed") == 0 {
			speaksFor(anyAddress().Draw(t, "client"), zones().Draw(t, "client zone"))(f)
		}
		return f
	})
}

func anyAddress() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"127.0.0.1", "10.1.2.3", "10.9.9.9", "::ffff:10.1.2.3", "203.0.113.9", "2001:db8::1", "fd00::1"})
}

// find is what a search for the process adds to a peer whose user is known.
func find(t *rapid.T, f *flow.Facts) {
	user := f.Origin.UID
	switch rapid.IntRange(0, 5).Draw(t, "process") {
	case 0:
		by(psql())(f)
	case 1:
		by(node())(f)
	case 2:
		by(dark())(f)
	case 3:
		by(psql(), node())(f)
	case 4:
		carried(rapid.SampledFrom([]string{"sshd", "docker-proxy"}).Draw(t, "name"))(f)
	}
	f.Origin.UID, f.Sought = user, true
}

func mustCompile(t *rapid.T, s rules.Settings, services []rules.Service) *rules.Set {
	set, err := rules.Compile(s, services, config())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Decide goes by the index; Explain asks rule after rule. They must agree.
func TestExplainAgreesWithDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		set := mustCompile(t, s, services)
		for range 8 {
			f := anyFacts().Draw(t, "facts")
			e := set.Explain(f)
			if diff := cmp.Diff(set.Decide(f), e.Verdict()); diff != "" {
				t.Fatalf("(-Decide +Explain):\n%s\n%s", diff, e.String())
			}
		}
	})
}

// The first enforced rule that matches is the verdict, whatever comes after it.
func TestFirstMatchWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		set := mustCompile(t, s, services)
		f := anyFacts().Draw(t, "facts")
		e := set.Explain(f)
		i := slices.IndexFunc(e.Rules, func(r rules.RuleTrace) bool {
			return r.Outcome == rules.OutcomeDecides && (r.Enforce == "" || e.Action == flow.Need) || r.Outcome == rules.OutcomeMatched
		})
		for _, r := range e.Rules[i+1:] {
			if r.Outcome != rules.OutcomeNotReached {
				t.Fatalf("a rule after the one that matched was asked:\n%s", e.String())
			}
		}
		// Cut off everything after the rule that matched: nothing changes.
		if j := slices.IndexFunc(s.Rules, func(r rules.Rule) bool { return i >= 0 && r.Name == e.Rules[i].Name }); j >= 0 {
			s.Rules = s.Rules[:j+1]
			if diff := cmp.Diff(set.Decide(f), mustCompile(t, s, services).Decide(f)); diff != "" {
				t.Fatalf("rules after the one that matched matter:\n%s", diff)
			}
		}
	})
}

func TestDisguisedIsNeverLetIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		f := anyFacts().Filter(func(f *flow.Facts) bool { return f.Peer.Disguised() }).Draw(t, "facts")
		v := mustCompile(t, s, services).Decide(f)
		if v.Action != flow.Deny || v.Cause != flow.CauseDisguised {
			t.Fatalf("%+v", v)
		}
	})
}

// letIn says whether the session goes on.
func letIn(v flow.Verdict) bool { return v.Action == flow.Allow || v.Action == flow.WouldDeny }

// Need is an answer only while the process is neither known nor looked for; and any other answer then does not change
// when it is found.
func TestNeedIsAskedOnlyWhenItMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		set := mustCompile(t, s, services)
		f := anyFacts().Draw(t, "facts")
		before := set.Decide(f)
		if before.Action == flow.Need {
			if f.Sought || f.Origin.Process != nil || !set.NeedsProcess(f.Service) {
				t.Fatalf("%+v: %+v", before, f)
			}
			return
		}
		if f.Sought || f.Origin.Attribution == flow.AttributionNone { // a search would find the user too
			return
		}
		found := *f
		find(t, &found)
		after := set.Decide(&found)
		if before.Action != after.Action || letIn(before) && before.Rule != after.Rule {
			t.Fatalf("before %+v\nafter  %+v", before, after)
		}
	})
}

// A client elsewhere is let in only by rules that name clients, and a peer elsewhere never for what is not known of it.
func TestNobodyElsewhereIsLetInUnnamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		f := anyFacts().Draw(t, "facts")
		v := mustCompile(t, s, services).Decide(f)
		if v.Action != flow.Allow {
			return
		}
		all := slices.Concat(s.Rules, services[0].Rules, services[1].Rules)
		by := slices.DeleteFunc(all, func(r rules.Rule) bool { return r.Name != v.Rule })
		if c := f.Peer.Conveyed; c != nil && (!c.Zone.Local() || !f.Peer.Local()) && !slices.ContainsFunc(by, func(r rules.Rule) bool {
			return len(r.ClientZones)+len(r.ClientCIDRs) > 0 || strings.Contains(r.When, "client.")
		}) {
			t.Fatalf("%+v let in %+v", v, c)
		}
		if !f.Peer.Local() && (len(by) == 0 || !slices.ContainsFunc(by, func(r rules.Rule) bool {
			return len(r.Users)+len(r.Executables)+len(r.Programs)+len(r.Containers)+len(r.Units)+len(r.Forwarder) == 0
		})) {
			t.Fatalf("%+v let in %+v", v, f.Peer)
		}
	})
}

// A deny rule that is carried out never lets in anybody; nor does one that only observes and names no place.
func TestDenyRuleLetsNobodyIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		f := anyFacts().Draw(t, "facts")
		before := mustCompile(t, s, services).Decide(f)
		front := anyRule().Draw(t, "front")
		front.Name, front.Action = "front", deny
		if front.Enforce == rules.EnforceObserve {
			front.Zones, front.CIDRs, front.Interfaces, front.ClientZones, front.ClientCIDRs = nil, nil, nil, nil, nil
		}
		s.Rules = slices.Concat([]rules.Rule{front}, s.Rules)
		after := mustCompile(t, s, services).Decide(f)
		if !letIn(before) && letIn(after) {
			t.Fatalf("before %+v\nafter %+v", before, after)
		}
	})
}

// Without observing, nobody but lodoor's own user, or one that users names, reaches a Unix-socket backend.
func TestUnixBackendIsForItsOwnUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		s.Enforce = rules.EnforceOn
		f := anyFacts().Draw(t, "facts")
		f.Service = "pg"
		v := mustCompile(t, s, services).Decide(f)
		if !letIn(v) || f.Origin.Attribution != flow.AttributionNone && f.Origin.UID == ownUID {
			return
		}
		all := slices.Concat(services[1].Rules, s.Rules)
		if f.Origin.Attribution == flow.AttributionNone || !slices.ContainsFunc(all, func(r rules.Rule) bool { return r.Action == allow && len(r.Users) > 0 }) {
			t.Fatalf("uid %d let in: %+v", f.Origin.UID, v)
		}
	})
}

// A rule that is warned about as one that never matches can be left out.
func TestShadowedRulesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, services := anySettings(t)
		set := mustCompile(t, s, services)
		warned := set.Warnings()
		for i, r := range s.Rules {
			prefix := fmt.Sprintf("rule %q can never match", r.Name)
			if !slices.ContainsFunc(warned, func(w string) bool { return len(w) > len(prefix) && w[:len(prefix)] == prefix }) {
				continue
			}
			less := s
			less.Rules = slices.Delete(slices.Clone(s.Rules), i, i+1)
			f := anyFacts().Filter(func(f *flow.Facts) bool {
				return f.Peer.Interface != "" && (services[0].ProxyProtocol || f.Peer.Conveyed == nil)
			}).Draw(t, "facts")
			if diff := cmp.Diff(set.Decide(f), mustCompile(t, less, services).Decide(f)); diff != "" {
				t.Fatalf("%s matters:\n%s", r.Name, diff)
			}
		}
	})
}
