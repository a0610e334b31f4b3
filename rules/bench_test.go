package rules_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// BenchmarkDecide shows that a decision costs the same with 1, 100 and 10,000 rules on zones, ranges and interfaces.
// The peers are a local one, which no rule matches, and one in the middle of the ranges.
func BenchmarkDecide(b *testing.B) {
	kinds := map[string]func(i int) rules.Rule{
		"cidrs":      func(i int) rules.Rule { return rules.Rule{CIDRs: []rules.CIDR{nth(i)}} },
		"zones":      func(i int) rules.Rule { return rules.Rule{Zones: []flow.Zone{flow.ZoneContainer + flow.Zone(i%5)}} },
		"interfaces": func(i int) rules.Rule { return rules.Rule{Interfaces: []string{fmt.Sprintf("veth%d", i)}} },
		"cidrs+zones+interfaces": func(i int) rules.Rule {
			return rules.Rule{CIDRs: []rules.CIDR{nth(i)}, Zones: []flow.Zone{flow.ZoneLAN}, Interfaces: []string{"eth*"}}
		},
		"when": func(int) rules.Rule { return rules.Rule{When: "peer.port == 1"} },
	}
	for _, kind := range []string{"cidrs", "zones", "interfaces", "cidrs+zones+interfaces", "when"} {
		for _, n := range []int{1, 100, 10_000} {
			set := compile(b, list(many(n, kinds[kind])...))
			for name, f := range map[string]*flow.Facts{"local": local(), "lan": facts(nth(n/2).Addr().String(), flow.ZoneLAN, flow.ProofNone)} {
				b.Run(fmt.Sprintf("%s/%d/%s", kind, n, name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						set.Decide(f)
					}
				})
			}
		}
	}
}

// BenchmarkProcess is what rules on processes cost: 100 that do not match the peer's process.
func BenchmarkProcess(b *testing.B) {
	for name, one := range map[string]func(i int) rules.Rule{
		"executables": func(i int) rules.Rule { return rules.Rule{Executables: []string{fmt.Sprintf("/opt/%d/", i)}} },
		"programs":    func(i int) rules.Rule { return rules.Rule{Programs: []string{fmt.Sprint("p", i)}} },
		"when":        func(int) rules.Rule { return rules.Rule{When: `process.program == "x"`} },
		"parents":     func(int) rules.Rule { return rules.Rule{When: `"sshd" in process.parents`} },
		"client":      func(int) rules.Rule { return rules.Rule{When: `client.zone == "lan"`} },
	} {
		set, f := compile(b, list(many(100, one)...)), local(by(psql()))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Decide(f)
			}
		})
	}
}

// BenchmarkCompile is what a reload costs.
func BenchmarkCompile(b *testing.B) {
	settings := list(many(10_000, func(i int) rules.Rule { return rules.Rule{CIDRs: []rules.CIDR{nth(i)}} })...)
	for b.Loop() {
		compile(b, settings)
	}
}

func many(n int, one func(int) rules.Rule) []rules.Rule {
	out := make([]rules.Rule, n)
	for i := range out {
		out[i] = one(i)
		out[i].Name, out[i].Action = fmt.Sprint("r", i), allow
	}
	return out
}

// nth is a range of its own within 10.0.0.0/8.
func nth(i int) rules.CIDR {
	return rules.CIDR{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)}
}
