package configs

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

func TestReferenceIsTheDefaults(t *testing.T) {
	l := load(t, LoadOptions{File: write(t, "lodoor.yaml", Reference())})
	got := l.Config
	got.Services, got.Rules.Rules, got.Forwarders = nil, nil, nil // empty in the reference
	if diff := cmp.Diff(Default(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if len(l.Config.Services)+len(l.Config.Rules.Rules)+len(l.Warnings) != 0 {
		t.Errorf("%+v", l)
	}
	for _, leaf := range leavesOf(configType()) {
		if l.Origin(leaf.key).File == "" && !onlyEnvironment(leaf.key) {
			t.Errorf("%s is not in the reference, or only behind a #", leaf.key)
		}
	}
}

// withoutSecrets takes out what only the environment can give.
func withoutSecrets(text string) string {
	return regexp.MustCompile(`(?m)^  (webhook|url): ""\n`).ReplaceAllString(text, "")
}

// With its commented-out settings in place the reference has every setting, and each has a description.
func TestReferenceIsWhole(t *testing.T) {
	text := withoutSecrets(uncommented())
	text = strings.ReplaceAll(text, "    record: false", "    record: null")
	load(t, LoadOptions{File: write(t, "lodoor.yaml", text)})
	said, err := descriptions()
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(configType(), "")
	for _, key := range keys {
		if len(said[key]) < 10 {
			t.Errorf("%s: described as %q", key, said[key])
		}
	}
	for key := range said {
		if !slices.Contains(keys, key) {
			t.Errorf("%s is described and is no setting", key)
		}
	}
}

// The starter loads as it is, and with everything in it that is behind a #.
func TestStarter(t *testing.T) {
	all := regexp.MustCompile(`(?m)^#(\S|  )`).ReplaceAllString(Starter(), "$1")
	for text, want := range map[string]int{Starter(): 1, all: 2} {
		l := load(t, LoadOptions{File: write(t, "lodoor.yaml", text), RequireServices: true})
		if len(l.Config.Services) != want {
			t.Errorf("%d services, expected %d", len(l.Config.Services), want)
		}
	}
}

// valid is as much of JSON Schema as ours uses; an unknown word of it is an error.
func valid(schema map[string]any, v any, path string) error {
	for word, arg := range schema {
		if err := validWord(schema, word, arg, v, path); err != nil {
			return err
		}
	}
	return nil
}

func validWord(schema map[string]any, word string, arg, v any, path string) error {
	table, isTable := v.(map[string]any)
	list, _ := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	bad := fmt.Errorf("%s: %v is not as %s: %v says", path, v, word, arg)
	switch word {
	case "$schema", "title", "description":
	case "type":
		if !slices.ContainsFunc(many(arg), func(name any) bool { return isType(name, v) }) {
			return bad
		}
	case "enum":
		if !slices.Contains(many(arg), v) {
			return bad
		}
	case "pattern":
		if isText && !regexp.MustCompile(arg.(string)).MatchString(text) {
			return bad
		}
	case "minLength":
		if isText && float64(len(text)) < arg.(float64) {
			return bad
		}
	case "minimum":
		if isNumber && number < arg.(float64) {
			return bad
		}
	case "required":
		for _, name := range many(arg) {
			if _, ok := table[name.(string)]; isTable && !ok {
				return bad
			}
		}
	case "items":
		for i, c := range list {
			if err := valid(arg.(map[string]any), c, item(path, i)); err != nil {
				return err
			}
		}
	case "properties":
		for key, c := range table {
			if property, ok := arg.(map[string]any)[key].(map[string]any); ok {
				if err := valid(property, c, child(path, key)); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		for key := range table {
			if _, ok := schema["properties"].(map[string]any)[key]; !ok && arg == false {
				return fmt.Errorf("%s.%s: unknown", path, key)
			}
		}
	case "oneOf":
		fits := 0
		for _, one := range many(arg) {
			if valid(one.(map[string]any), v, path) == nil {
				fits++
			}
		}
		if fits != 1 {
			return bad
		}
	default:
		return fmt.Errorf("%s: the test does not know %q", path, word)
	}
	return nil
}

func many(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func isType(name, v any) bool {
	f, isNumber := v.(float64)
	switch name {
	case "integer":
		return isNumber && f == float64(int64(f))
	case "number":
		return isNumber
	case "null":
		return v == nil
	default:
		return name == map[reflect.Kind]string{
			reflect.String: "string", reflect.Bool: "boolean", reflect.Map: "object", reflect.Slice: "array",
		}[reflect.ValueOf(v).Kind()]
	}
}

func schema(t *testing.T) map[string]any {
	t.Helper()
	b, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML as a validator of JSON Schema sees it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	s := schema(t)
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(s, asJSON(t, string(b)), ""); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		l, err := Load(apart(LoadOptions{File: file, RequireServices: true}))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		again := load(t, LoadOptions{File: write(t, "shown.yaml", l.YAML(true))})
		if again.Hash() != l.Hash() {
			t.Errorf("%s: what is shown is another configuration: %s", file, cmp.Diff(l.YAML(false), again.YAML(false)))
		}
	}
}

func TestSchema(t *testing.T) {
	s := schema(t)
	for _, text := range []string{Reference(), withoutSecrets(uncommented())} {
		if err := valid(s, asJSON(t, text), ""); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{
		"x: 1", "journal: {max_age: 5}", "journal: {max_age: 5w}", "tripwire: 1", "enforce: off", "services: [{name: a, listen: 1}]",
		"services: [{name: a, listen: [], backend: true}]", "services: [{name: a, listen: 1, backend: 2, limits: {rate: -1}}]",
		"rules: [{action: would_deny}]", "services: {}", "alerts: {webhook: x}", "log: {level: loud}",
	} {
		if valid(s, asJSON(t, text), "") == nil {
			t.Errorf("the schema does not mind %s", text)
		}
	}
}

// The table of settings in the documentation is made of the reference; UPDATE=1 writes it.
func TestDocumentation(t *testing.T) {
	const file, begin, end = "../docs/configuration.md", "<!-- settings: begin -->\n", "<!-- settings: end -->\n"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	table, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no %q and %q", file, begin, end)
	}
	want := settingsTable(t)
	if os.Getenv("UPDATE") != "" {
		must(t, os.WriteFile(file, []byte(head+begin+want+end+tail), 0o644))
		return
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("%s is not as the settings are (UPDATE=1 go test ./configs -run Documentation writes it): %s", file, diff)
	}
}

func settingsTable(t *testing.T) string {
	t.Helper()
	said, err := descriptions()
	if err != nil {
		t.Fatal(err)
	}
	defaults := load(t, LoadOptions{}).YAML(false)
	var shown map[string]any
	if err := yaml.Unmarshal([]byte(defaults), &shown); err != nil {
		t.Fatal(err)
	}
	flat := make(map[string]string)
	flatten(flat, "", shown)
	leaves := make(map[string]bool)
	for _, l := range leavesOf(configType()) {
		leaves[l.key] = true
	}
	var b strings.Builder
	b.WriteString("| setting | default | environment | |\n|---|---|---|---|\n")
	for _, key := range keysOf(configType(), "") {
		value, env := "", ""
		if s, ok := flat[key]; ok {
			value = "`" + s + "`"
		}
		if leaves[key] {
			env = "`" + envAlias(key) + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key, value, env, strings.ReplaceAll(said[key], "|", "\\|"))
	}
	return strings.ReplaceAll(b.String(), "|  |", "| |")
}

func flatten(flat map[string]string, path string, v any) {
	table, ok := v.(map[string]any)
	if !ok {
		if s, isText := v.(string); !isText || s != "" {
			flat[path] = fmt.Sprint(v)
		}
		return
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		flatten(flat, child(path, key), table[key])
	}
}
