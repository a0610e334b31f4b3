package alert

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is a place in an environment that a window measures or counts by.
type field struct {
	name  string
	index []int
	kind  reflect.Kind
	time  bool // a duration
}

// fields are all that there are, in the order of the environment.
func fields() []field { return fieldsOf(reflect.TypeFor[environment](), "", nil) }

func fieldsOf(t reflect.Type, prefix string, index []int) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, at := prefix+f.Tag.Get("expr"), append(slices.Clone(index), i)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, fieldsOf(f.Type, name+".", at)...)
			continue
		}
		all = append(all, field{name, at, f.Type.Kind(), f.Type == reflect.TypeFor[time.Duration]()})
	}
	return all
}

// fieldNamed finds a field.
func fieldNamed(name string) (field, error) {
	all := fields()
	if i := slices.IndexFunc(all, func(f field) bool { return f.name == name }); i >= 0 {
		return all[i], nil
	}
	return field{}, unknownField(name)
}

func unknownField(name string) error {
	if name == "alert" || strings.HasPrefix(name, "alert.") {
		return fmt.Errorf("there is no %s here: alerts are not looked at, so that none raises another", name)
	}
	return fmt.Errorf("there is no %s; docs/alerts.md lists the fields", name)
}

// number is the field's value, which must be a number or a duration.
func (f *field) number(e *environment) float64 {
	return float64(reflect.ValueOf(e).Elem().FieldByIndex(f.index).Int())
}

// text adds the field's value to b.
func (f *field) text(b []byte, e *environment) []byte {
	switch v := reflect.ValueOf(e).Elem().FieldByIndex(f.index); f.kind {
	case reflect.String:
		return append(b, v.String()...)
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	default:
		if f.time {
			return append(b, time.Duration(v.Int()).String()...)
		}
		return strconv.AppendInt(b, v.Int(), 10)
	}
}
