package configs

import (
	"reflect"
	"strings"
)

// field is one setting of a table.
type field struct {
	name  string
	index []int // for reflect.Value.FieldByIndex
	typ   reflect.Type
}

// fieldsOf are the settings of a table, those of squashed tables among them, in the order of the struct.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(options, "squash"):
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
		default:
			fields = append(fields, field{name, []int{i}, f.Type})
		}
	}
	return fields
}

// leaf is a setting that is one value and in no list, such as journal.dir.
type leaf struct {
	key   string
	index []int
	typ   reflect.Type
}

// leavesOf are all settings that the environment and the command line can give.
func leavesOf(t reflect.Type) []leaf {
	var leaves []leaf
	for _, f := range fieldsOf(t) {
		switch {
		case isLeaf(f.typ):
			leaves = append(leaves, leaf{f.name, f.index, f.typ})
		case f.typ.Kind() == reflect.Struct:
			for _, l := range leavesOf(f.typ) {
				leaves = append(leaves, leaf{f.name + "." + l.key, append(append([]int{}, f.index...), l.index...), l.typ})
			}
		}
	}
	return leaves
}

func configType() reflect.Type { return reflect.TypeFor[Config]() }

// keysOf are the paths of all settings, with [] for the elements of lists: services[].limits.rate.
func keysOf(t reflect.Type, path string) []string {
	var keys []string
	for _, f := range fieldsOf(t) {
		key := child(path, f.name)
		keys = append(keys, key)
		inner := f.typ
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Slice {
			inner, key = inner.Elem(), key+"[]"
		}
		if inner.Kind() == reflect.Struct && !isLeaf(inner) {
			keys = append(keys, keysOf(inner, key)...)
		}
	}
	return keys
}
