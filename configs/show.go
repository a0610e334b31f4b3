package configs

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// YAML writes the effective configuration with its secrets hidden; with origins, each value's own as a comment. Without
// a secret, what it writes can be loaded again.
func (l *Loaded) YAML(origins bool) string { return l.show(origins) }

// JSON writes the effective configuration with its secrets hidden. With origins it is an object of file, hash, config
// and origins, by key.
func (l *Loaded) JSON(origins bool) ([]byte, error) {
	shown := newShower(l, false, origins)
	var config any
	if err := shown.table("", reflect.ValueOf(l.Config), false).Decode(&config); err != nil {
		return nil, fmt.Errorf("show the configuration: %w", err)
	}
	if origins {
		config = map[string]any{"file": l.File, "hash": l.Hash(), "config": config, "origins": shown.origins}
	}
	return json.MarshalIndent(config, "", "  ")
}

func (l *Loaded) show(origins bool) string {
	shown := newShower(l, origins, origins)
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(shown.table("", reflect.ValueOf(l.Config), false)); err != nil {
		return fmt.Sprintf("# %v\n", err) // a Builder and nodes made here give no cause
	}
	return b.String()
}

// shower turns settings into nodes.
type shower struct {
	loaded   *Loaded
	comments bool
	origins  map[string]string // nil when nobody asks
	fields   map[reflect.Type][]field
}

func newShower(l *Loaded, comments, origins bool) *shower {
	s := &shower{loaded: l, comments: comments, fields: make(map[reflect.Type][]field)}
	if origins {
		s.origins = make(map[string]string)
	}
	return s
}

func (s *shower) fieldsOf(t reflect.Type) []field {
	fields, known := s.fields[t]
	if !known {
		fields = fieldsOf(t)
		s.fields[t] = fields
	}
	return fields
}

// table shows settings in the order of their struct; below a list, those that were not set are left out.
func (s *shower) table(path string, v reflect.Value, sparse bool) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range s.fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		if sparse && value.IsZero() && (value.Kind() != reflect.Bool || f.typ.Kind() != reflect.Pointer) {
			continue
		}
		at := child(path, f.name)
		if isSecret(at) && value.IsZero() {
			continue // a file that says nothing of it can be loaded
		}
		shown := s.value(at, value, sparse)
		n.Content = append(n.Content, text(f.name), shown)
		if value.Kind() != reflect.Struct || isLeaf(value.Type()) {
			s.origin(at, n, shown)
		}
	}
	return n
}

// origin keeps where a value came from. The comment of a list that goes over several lines is that of its name.
func (s *shower) origin(at string, table, shown *yaml.Node) {
	if s.origins == nil {
		return
	}
	s.origins[at] = s.loaded.Origin(at).String()
	if !s.comments {
		return
	}
	if shown.Kind == yaml.SequenceNode && shown.Style != yaml.FlowStyle {
		shown = table.Content[len(table.Content)-2]
	}
	shown.LineComment = s.origins[at]
}

func (s *shower) value(at string, v reflect.Value, sparse bool) *yaml.Node {
	switch {
	case isLeaf(v.Type()):
		return leafNode(at, v)
	case v.Kind() == reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if elem := v.Type().Elem(); isLeaf(elem) || v.Len() == 0 {
			n.Style = yaml.FlowStyle
		}
		for i := range v.Len() {
			n.Content = append(n.Content, s.value(item(at, i), v.Index(i), true))
		}
		return n
	default:
		return s.table(at, v, sparse)
	}
}

func leafNode(at string, v reflect.Value) *yaml.Node {
	if isSecret(at) && !v.IsZero() {
		return text(hidden)
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return text(FormatDuration(d))
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := m.MarshalText()
		if err != nil {
			b = []byte(err.Error())
		}
		return text(string(b))
	}
	n := &yaml.Node{Kind: yaml.ScalarNode}
	switch {
	case v.Kind() == reflect.Bool:
		n.Tag, n.Value = "!!bool", strconv.FormatBool(v.Bool())
	case v.CanInt():
		n.Tag, n.Value = "!!int", strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		n.Tag, n.Value = "!!int", strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		n.Tag, n.Value = "!!float", strconv.FormatFloat(v.Float(), 'f', -1, 64)
	default:
		return text(v.String())
	}
	return n
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}
