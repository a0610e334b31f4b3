package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// node is a part of a JSON Schema. Only the keywords that it has are used there.
type node struct {
	ID, Schema, Title string // of the whole, as tags below
	Description       string
	Ref               string           `json:"$ref"`
	Defs              map[string]*node `json:"$defs"`
	Type              string
	Properties        map[string]*node
	Required          []string
	Enum              []string
	Const             *bool
	Pattern           string
	ContentEncoding   string
	Minimum, Maximum  *float64
	MinItems          int
	Items             *node
	Additional        *node `json:"additionalProperties"`
}

func parseSchema(t testing.TB) *node {
	t.Helper()
	var n node
	d := json.NewDecoder(strings.NewReader(strings.NewReplacer(`"$id"`, `"ID"`, `"$schema"`, `"Schema"`).Replace(Schema())))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		t.Fatal(err)
	}
	return &n
}

func (n *node) resolve(root *node) *node {
	if name, ok := strings.CutPrefix(n.Ref, "#/$defs/"); ok {
		return root.Defs[name]
	}
	return n
}

// members lists all members below n, with their path.
func (n *node) members(root *node, path string) (list []string) {
	n = n.resolve(root)
	if n.Items != nil && n.Items.Properties != nil {
		return n.Items.members(root, strings.TrimSuffix(path, ".")+"[].")
	}
	for name, p := range n.Properties {
		if below := p.members(root, path+name+"."); below != nil {
			list = append(list, below...)
			continue
		}
		list = append(list, path+name)
	}
	return list
}

// check says what is wrong with v, decoded with numbers as texts.
func (n *node) check(root *node, path string, v any) error {
	n = n.resolve(root)
	switch v := v.(type) {
	case map[string]any:
		return n.checkObject(root, path, v)
	case []any:
		if n.Type != "array" || len(v) < n.MinItems {
			return fmt.Errorf("%s: a list of %d", path, len(v))
		}
		for _, item := range v {
			if err := n.Items.check(root, path, item); err != nil {
				return err
			}
		}
	case string:
		if n.Enum != nil && !slices.Contains(n.Enum, v) || n.Enum == nil && n.Type != "string" ||
			!regexp.MustCompile(n.Pattern).MatchString(v) {
			return fmt.Errorf("%s: %q", path, v)
		}
	case json.Number:
		f, err := v.Float64()
		if n.Type != "integer" || err != nil || strings.ContainsAny(v.String(), ".eE") ||
			n.Minimum != nil && f < *n.Minimum || n.Maximum != nil && f > *n.Maximum {
			return fmt.Errorf("%s: %s", path, v)
		}
	case bool:
		if n.Const == nil || v != *n.Const {
			return fmt.Errorf("%s: %v", path, v)
		}
	default:
		return fmt.Errorf("%s: %T", path, v)
	}
	return nil
}

func (n *node) checkObject(root *node, path string, v map[string]any) error {
	if n.Type != "object" {
		return fmt.Errorf("%s: an object", path)
	}
	for _, name := range n.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%s: %s is missing", path, name)
		}
	}
	for name, member := range v {
		p := n.Properties[name]
		if p == nil {
			p = n.Additional
		}
		if p == nil {
			return fmt.Errorf("%s.%s is not in the schema", path, name)
		}
		if err := p.check(root, path+"."+name, member); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) checkLine(line []byte) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return n.check(n, "record", v)
}

// wired is what t, which may be optional, is on the wire.
func wired(t reflect.Type) reflect.Type {
	if strings.HasPrefix(t.Name(), "opt[") {
		return t.Field(0).Type
	}
	return t
}

// wireMembers lists all members of the wire types, with their path.
func wireMembers(t reflect.Type, path string) (list []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			list = append(list, wireMembers(f.Type, path)...)
			continue
		}
		inner := wired(f.Type)
		name := path + f.Tag.Get("json")
		if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
			list = append(list, wireMembers(inner.Elem(), name+"[].")...)
			continue
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() {
			list = append(list, wireMembers(inner, name+".")...)
			continue
		}
		list = append(list, name)
	}
	return list
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

func TestSchemaHasEveryMember(t *testing.T) {
	root := parseSchema(t)
	inSchema, inWire := sorted(root.members(root, "")), sorted(wireMembers(reflect.TypeFor[wireRecord](), ""))
	if !slices.Equal(inSchema, inWire) {
		t.Errorf("schema has\n%s\nthe decoder has\n%s", strings.Join(inSchema, "\n"), strings.Join(inWire, "\n"))
	}
}

func TestSchemaHoldsEveryRecord(t *testing.T) {
	root := parseSchema(t)
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRecord(rt)
		line := lineOf(t, &r)
		if err := root.checkLine(line); err != nil {
			rt.Fatalf("%v in %s", err, line)
		}
	})
}

// words lists what a closed list of the vocabulary has, without the name for none.
func words[T interface {
	~uint8
	fmt.Stringer
}]() (list []string) {
	for v := T(0); !strings.HasPrefix(v.String(), "invalid("); v++ {
		if v.String() != "" {
			list = append(list, v.String())
		}
	}
	return list
}

func TestSchemaHasEveryWord(t *testing.T) {
	root := parseSchema(t)
	for path, want := range map[string][]string{
		"event":              words[flow.Event](),
		"session.end":        words[flow.End](),
		"session.ended_by":   words[flow.Side](),
		"origin.zone":        words[flow.Zone](),
		"origin.proof":       words[flow.Proof](),
		"origin.client_zone": words[flow.Zone](),
		"origin.attribution": words[flow.Attribution](),
		"rule.action":        words[flow.Action]()[:flow.Need], // which is no verdict yet
		"rule.cause":         words[flow.Cause](),
		"alert.severity":     words[flow.Severity](),
		"alert.zone":         words[flow.Zone]()[1:],
	} {
		n := root
		for _, name := range strings.Split(path, ".") {
			n = n.Properties[name]
		}
		if !slices.Equal(n.Enum, want) {
			t.Errorf("%s: schema has %v, the vocabulary %v", path, n.Enum, want)
		}
	}
}
