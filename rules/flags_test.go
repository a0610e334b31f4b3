package rules_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

func TestParseZoneOrCIDR(t *testing.T) {
	for _, c := range []struct {
		text, name string
		zone       flow.Zone
	}{
		{"lan", "flag.allow.lan", flow.ZoneLAN},
		{"loopback", "flag.allow.loopback", flow.ZoneLoopback},
		{"10.0.0.0/8", "flag.allow.10.0.0.0/8", 0},
		{"192.0.2.7", "flag.allow.192.0.2.7/32", 0},
		{"2001:db8::1", "flag.allow.2001:db8::1/128", 0},
		{"::/0", "flag.allow.::/0", 0},
		{"::ffff:192.0.2.7", "flag.allow.192.0.2.7/32", 0},
		{"::ffff:10.0.0.0/104", "flag.allow.10.0.0.0/8", 0},
	} {
		r, err := rules.ParseZoneOrCIDR(allow, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if r.Name != c.name || r.Action != allow || len(r.Zones)+len(r.CIDRs) != 1 || len(r.Zones) == 1 && r.Zones[0] != c.zone {
			t.Errorf("%s: got %+v", c.text, r)
		}
	}
}

func TestParseZoneOrCIDRErrors(t *testing.T) {
	form := "expected an address such as 192.0.2.7 or a range such as 10.0.0.0/8"
	zones := "expected one of unknown, unix, loopback, self, container, vpn, linklocal, lan, public, or an address or a range such as 10.0.0.0/8"
	for text, want := range map[string]string{
		"":                  `unknown zone "": ` + zones,
		"lna":               `unknown zone "lna": ` + zones,
		"LAN":               `unknown zone "LAN": ` + zones,
		"10.0.0.0/33":       `CIDR "10.0.0.0/33": ` + form,
		"300.0.0.1":         `CIDR "300.0.0.1": ` + form,
		"10.0.0/8":          `CIDR "10.0.0/8": ` + form,
		"fe80::1%eth0":      `CIDR "fe80::1%eth0": ` + form,
		"10.0.0.1/8":        `CIDR 10.0.0.1/8 has host bits: write 10.0.0.0/8 for the range, or 10.0.0.1 for the address alone`,
		"::ffff:0.0.0.0/95": `CIDR ::ffff:0.0.0.0/95: an IPv4 range written as IPv6 has at least 96 bits`,
		"example.com":       `CIDR "example.com": ` + form,
	} {
		_, err := rules.ParseZoneOrCIDR(deny, text)
		if err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
}

// The two flags keep the order in which they were typed.
func TestFlags(t *testing.T) {
	var f rules.Flags
	allowed, denied := f.Value(allow), f.Value(deny)
	for _, err := range []error{
		denied.Set("192.0.2.7"), allowed.Set("lan"), denied.Set("vpn"), allowed.Set("lan"), allowed.Set("10.0.0.0/8"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, r := range f.Rules() {
		names = append(names, r.Name)
	}
	want := []string{"flag.deny.192.0.2.7/32", "flag.allow.lan", "flag.deny.vpn", "flag.allow.10.0.0.0/8"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if allowed.String() != "lan,10.0.0.0/8" || denied.String() != "192.0.2.7/32,vpn" || allowed.Type() != "ZONE|CIDR" {
		t.Errorf("got %s and %s", allowed, denied)
	}
	if err := allowed.Set("nowhere"); err == nil || len(f.Rules()) != 4 {
		t.Errorf("got %v and %d rules", err, len(f.Rules()))
	}
	compile(t, rules.Settings{Rules: f.Rules()})
	if (*rules.FlagValue)(nil).String() != "" || new(rules.FlagValue).String() != "" {
		t.Error("the zero value, of which flag packages ask the String, must be empty")
	}
}

func FuzzParseZoneOrCIDR(f *testing.F) {
	for _, s := range []string{"lan", "10.0.0.0/8", "::1", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "1.2.3.4/5", "/", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rules.ParseZoneOrCIDR(deny, text)
		if err != nil {
			return
		}
		what := strings.TrimPrefix(r.Name, "flag.deny.")
		again, err := rules.ParseZoneOrCIDR(deny, what)
		if err != nil || again.Name != r.Name {
			t.Fatalf("%q is %q, which is %q, %v", text, what, again.Name, err)
		}
		set, err := rules.Compile(list(r), doors(), config())
		if err != nil {
			t.Fatalf("%q makes a rule that does not compile: %v", text, err)
		}
		if len(r.CIDRs) == 1 { // a peer at its first address must match it
			peer := facts(r.CIDRs[0].Addr().String(), flow.ZonePublic, flow.ProofNone)
			if v := set.Decide(peer); v.Rule != r.Name {
				t.Fatalf("%q does not match its own address: %+v", text, v)
			}
		}
	})
}
