package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// shape compares a document with the settings: names, kinds and values. What does not fit is reported and taken out,
// so that the rest can still be read and its problems reported in the same run.
type shape struct {
	doc   *document
	flaws []flaw
	// bad are the paths that were reported, and those that were meant: nothing more is to be said of them, of what is
	// below them, and of what is above them.
	bad, above map[string]bool
}

func (s *shape) check() {
	s.doc.root = s.table("", s.doc.root, configType())
}

func (s *shape) flaw(at place, path, text string) {
	s.flaws = append(s.flaws, flaw{at, path, text})
	s.done(path)
}

// done keeps that nothing more is to be said of a path.
func (s *shape) done(path string) {
	if s.bad == nil {
		s.bad, s.above = make(map[string]bool), make(map[string]bool)
	}
	s.bad[path] = true
	for ; path != ""; path = parent(path) {
		s.above[path] = true
	}
}

// value returns v without what does not fit, and whether anything is left. An empty value in YAML, or null, is as if
// the setting had not been written.
func (s *shape) value(path string, v any, t reflect.Type) (any, bool) {
	if v == nil {
		return nil, false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	table, isTable := v.(map[string]any)
	list, isList := v.([]any)
	switch {
	case isLeaf(t):
		if _, err := convert(v, t); err != nil {
			s.flaw(s.doc.findValue(path), path, err.Error())
			return nil, false
		}
		return v, true
	case t.Kind() == reflect.Slice && isList:
		return s.list(path, list, t.Elem()), true
	case oneOrMany(t):
		return s.value(path, v, t.Elem())
	case t.Kind() == reflect.Struct && isTable:
		return s.table(path, table, t), true
	}
	text := fmt.Sprintf("found %s; expected %s", kindOf(v), expected(t))
	if t.Kind() == reflect.Slice {
		text += "; write " + listForm(path, s.doc.name)
	}
	s.flaw(s.doc.findValue(path), path, text)
	return nil, false
}

// listForm shows how a list is begun in the format of the file.
func listForm(path, file string) string {
	name := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case strings.HasSuffix(file, ".toml") && (name == "services" || name == "rules"):
		return "[[" + name + "]]"
	case strings.HasSuffix(file, ".toml"):
		return name + " = [ … ]"
	case strings.HasSuffix(file, ".json"):
		return fmt.Sprintf("%q: [ … ]", name)
	default:
		return name + ": and each element on a line that begins with a dash"
	}
}

func (s *shape) list(path string, list []any, t reflect.Type) []any {
	kept := make([]any, len(list))
	for i, v := range list {
		p := item(path, i)
		c, ok := s.value(p, v, t)
		switch {
		case ok:
		case v == nil:
			s.flaw(s.doc.findValue(p), p, "found nothing; expected "+expected(t))
			fallthrough
		default:
			c = exampleOf(t)
		}
		kept[i] = c
	}
	return kept
}

// exampleOf stands for an element that was reported, so that the numbers of those after it stay right.
func exampleOf(t reflect.Type) any {
	if t.Kind() == reflect.Struct && !isLeaf(t) {
		return map[string]any{}
	}
	return reflect.Zero(t).Interface()
}

func (s *shape) table(path string, table map[string]any, t reflect.Type) map[string]any {
	fields := fieldsOf(t)
	kept := make(map[string]any)
	for key, v := range table {
		below := child(path, key)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key })
		switch {
		case i < 0:
			s.unknown(path, key, fields)
		case onlyEnvironment(below):
			at, _ := s.doc.find(below)
			s.flaw(at, below, "found a secret in a file; expected it in the environment ("+envAlias(below)+
				"), or in a file of its own that "+below+"_file names")
		default:
			if c, ok := s.value(below, v, fields[i].typ); ok {
				kept[key] = c
			}
		}
	}
	return kept
}

// unknown reports a key that no setting has, and what was probably meant.
func (s *shape) unknown(path, key string, fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	text := "unknown key"
	if meant := nearest(strings.ToLower(key), names); meant != "" {
		text += fmt.Sprintf("; did you mean %s?", meant)
		s.done(child(path, meant))
	} else if home := homeOf(key); home != "" && home != child(path, key) {
		text += fmt.Sprintf("; did you mean %s?", home)
	} else {
		text += "; expected one of " + strings.Join(names, ", ")
	}
	at, _ := s.doc.find(child(path, key))
	s.flaw(at, child(path, key), text)
}

// homeOf is the path of the setting that has a name, when it was written in the wrong table; empty when there is none.
func homeOf(name string) string {
	for _, key := range keysOf(configType(), "") {
		if strings.HasSuffix(key, "."+name) {
			return strings.ReplaceAll(key, "[]", "[…]")
		}
	}
	return ""
}

// known says whether a problem of path, or of something that it is part of or that is part of it, was reported.
func (s *shape) known(path string) bool {
	if s.above[path] || s.bad[""] {
		return true
	}
	for ; path != ""; path = parent(path) {
		if s.bad[path] {
			return true
		}
	}
	return false
}
