package rules

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-viper/mapstructure/v2"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lodoor/lodoor/proxy/flow"
)

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is what stands under a heading.
func section(text, heading string) string {
	_, rest, _ := strings.Cut(text, "\n## "+heading+"\n")
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// firstCells are the names in the first column of the tables in text.
func firstCells(text string) []string {
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(text, -1) {
		for _, name := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			names = append(names, name[1])
		}
	}
	return names
}

func fieldNames(prefix string, of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		f := of.Field(i)
		name := prefix + f.Tag.Get("expr")
		if strings.Contains(name, " ") { // nobody can write it
			continue
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if f.Anonymous {
			names = append(names, fieldNames(prefix, inner)...)
			continue
		}
		if inner.Kind() == reflect.Struct && inner.PkgPath() == of.PkgPath() {
			names = append(names, fieldNames(name+".", inner)...)
			continue
		}
		names = append(names, name)
	}
	return names
}

func TestDocsNameWhatExpressionsSee(t *testing.T) {
	want := append(fieldNames("", reflect.TypeFor[environment]()), "inCIDR(address, range)")
	want = append(want, whenBuiltins()...)
	got := firstCells(section(readDocs(t), "When")) // in an order for people
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/rules.md (-code +docs):\n%s", diff)
	}
}

func TestDocsNameConditions(t *testing.T) {
	var want []string
	of := reflect.TypeFor[Rule]()
	for i := range of.NumField() {
		if key := of.Field(i).Tag.Get("mapstructure"); !slices.Contains([]string{"name", "action", "enforce", "on_unknown"}, key) {
			want = append(want, key)
		}
	}
	text := section(readDocs(t), "Conditions")
	if diff := cmp.Diff(want, firstCells(text)); diff != "" {
		t.Errorf("docs/rules.md (-code +docs):\n%s", diff)
	}
	for z := flow.ZoneUnknown; z <= flow.ZonePublic; z++ {
		if !strings.Contains(text, "`"+z.String()+"`") {
			t.Errorf("zone %s is missing", z)
		}
	}
}

func TestDocsNameBuiltins(t *testing.T) {
	want := []string{ruleDisguised, ruleUnixBackend, ruleLocal, ruleDefault, ruleNoService}
	if diff := cmp.Diff(want, firstCells(section(readDocs(t), "Built-in names"))); diff != "" {
		t.Errorf("docs/rules.md (-code +docs):\n%s", diff)
	}
}

// boolText reads forwarder: true as the word, as configs does.
func boolText(_, to reflect.Type, data any) (any, error) {
	if b, ok := data.(bool); ok && to == reflect.TypeFor[Forwarders]() {
		return []string{fmt.Sprint(b)}, nil
	}
	return data, nil
}

// The page's cases pass with the page's rules, and its table has every key.
func TestDocsCases(t *testing.T) {
	docs := section(readDocs(t), "Testing")
	var want []string
	of := reflect.TypeFor[Case]()
	for i := range of.NumField() {
		if key := of.Field(i).Tag.Get("yaml"); key != "-" {
			want = append(want, key)
		}
	}
	if diff := cmp.Diff(want, firstCells(docs)); diff != "" {
		t.Errorf("docs/rules.md (-code +docs):\n%s", diff)
	}
	cases, err := ParseCases([]byte(regexp.MustCompile("(?s)```yaml cases\n(.*?)```").FindStringSubmatch(docs)[1]), "docs")
	if err != nil {
		t.Fatal(err)
	}
	s := Settings{Rules: []Rule{
		{Name: "shop", Action: ActionAllow, Units: []string{"shop.service"}, Containers: []string{"none"}},
		{Name: "no-tunnels", Action: ActionDeny, OnUnknown: OnUnknownAllow, Forwarder: Forwarders{AnyForwarder}},
	}}
	set, err := Compile(s, []Service{{Name: "db"}}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Test(cases, func(netip.Addr, string) (flow.Zone, error) { return flow.ZoneLoopback, nil }) {
		if !r.Pass {
			t.Error(r)
		}
	}
}

// Every example of the page compiles.
func TestDocsExamples(t *testing.T) {
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readDocs(t), -1)
	if len(examples) < 5 {
		t.Fatalf("found %d examples", len(examples))
	}
	config := Config{LookupUser: func(string) (uint32, error) { return 1001, nil }}
	for _, e := range examples {
		var raw map[string]any
		if err := yaml.Unmarshal([]byte(e[1]), &raw); err != nil {
			t.Fatalf("%v:\n%s", err, e[1])
		}
		var s Settings
		d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
			Result: &s, ErrorUnused: true, WeaklyTypedInput: true, DecodeHook: mapstructure.ComposeDecodeHookFunc(
				boolText, mapstructure.TextUnmarshallerHookFunc(), mapstructure.StringToTimeDurationHookFunc()),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(raw); err != nil {
			t.Fatalf("%v:\n%s", err, e[1])
		}
		if len(s.Rules) == 0 {
			t.Errorf("no rules in\n%s", e[1])
		}
		if _, err := Compile(s, []Service{{Name: "db"}, {Name: "pg", UnixBackend: true}}, config); err != nil {
			t.Errorf("%v:\n%s", err, e[1])
		}
	}
}
