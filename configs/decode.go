package configs

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/rules"
)

// decode puts a merged tree into out. Nothing is bent to fit: mapstructure by itself cuts 1.5 to 1 and wraps numbers
// that are too big, which convert does not let happen.
func decode(tree map[string]any, out any) error {
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:           out,
		ErrorUnused:      true,
		WeaklyTypedInput: false,
		MatchName:        func(key, field string) bool { return key == field },
		DecodeHook:       mapstructure.DecodeHookFuncValue(exact),
	})
	if err != nil {
		return err
	}
	return d.Decode(tree)
}

// exact is the hook through which every value goes on its way into a setting.
func exact(from, to reflect.Value) (any, error) {
	raw := from.Interface()
	switch t := to.Type(); {
	case from.Type() == t:
		return raw, nil
	case isLeaf(t):
		return convert(raw, t)
	case oneOrMany(t) && from.Kind() != reflect.Slice:
		return []any{raw}, nil
	default:
		return raw, nil
	}
}

// oneOrMany says whether a list of this type may be written as its only element.
func oneOrMany(t reflect.Type) bool {
	return t == reflect.TypeFor[Endpoints]() || t == reflect.TypeFor[rules.Forwarders]()
}

// isLeaf says whether a setting of this type is one value, not a table, a list or a pointer.
func isLeaf(t reflect.Type) bool {
	if isText(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Pointer, reflect.Map, reflect.Interface, reflect.Array:
		return false
	default:
		return true
	}
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// convert makes a value of a leaf's type, or says what was found and what is expected.
func convert(raw any, t reflect.Type) (any, error) {
	v := reflect.New(t).Elem()
	switch {
	case t == reflect.TypeFor[time.Duration]():
		if s, ok := raw.(string); ok {
			return ParseDuration(s)
		}
		if s, ok := asText(raw); ok {
			return ParseDuration(s) // says which units there are
		}
		return nil, mismatch(raw, t)
	case isText(t):
		return convertText(raw, t)
	case v.Kind() == reflect.String:
		s, ok := raw.(string)
		if !ok {
			return nil, mismatch(raw, t)
		}
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		b, ok := raw.(bool)
		if !ok {
			return nil, mismatch(raw, t)
		}
		v.SetBool(b)
	default:
		if err := setNumber(v, raw); err != nil {
			return nil, err
		}
	}
	return v.Interface(), nil
}

func convertText(raw any, t reflect.Type) (any, error) {
	s, ok := asText(raw)
	if b, isBool := raw.(bool); isBool && t == reflect.TypeFor[rules.ForwarderName]() {
		s, ok = strconv.FormatBool(b), true // forwarder: true, or names
	}
	if !ok {
		return nil, mismatch(raw, t)
	}
	v := reflect.New(t)
	unmarshaler, _ := v.Interface().(encoding.TextUnmarshaler) // isText said so
	if err := unmarshaler.UnmarshalText([]byte(s)); err != nil {
		if meant := nearest(strings.ToLower(s), wordsOf(t)); meant != "" {
			return nil, fmt.Errorf("%w; did you mean %s?", err, meant)
		}
		return nil, err
	}
	return v.Elem().Interface(), nil
}

func setNumber(v reflect.Value, raw any) error {
	n, whole := raw.(int64)
	f, isFloat := raw.(float64)
	switch {
	case whole && n < 0:
		return fmt.Errorf("found the number %d; expected a number that is not negative", n)
	case isFloat && f < 0:
		return fmt.Errorf("found the number %v; expected a number that is not negative", f)
	case v.CanInt() && whole && !v.OverflowInt(n):
		v.SetInt(n)
	case v.CanUint() && whole && !v.OverflowUint(uint64(n)):
		v.SetUint(uint64(n))
	case v.CanFloat() && whole:
		v.SetFloat(float64(n))
	case v.CanFloat() && isFloat && !math.IsNaN(f) && !math.IsInf(f, 0):
		v.SetFloat(f)
	default:
		return mismatch(raw, v.Type())
	}
	return nil
}

func mismatch(raw any, t reflect.Type) error {
	text := fmt.Sprintf("found %s; expected %s", kindOf(raw), expected(t))
	if s, ok := asText(raw); ok && t.Kind() == reflect.String {
		text += fmt.Sprintf("; write it in quotes: %q", s)
	}
	if s, ok := raw.(string); ok && !isText(t) && fitsUnquoted(s, t) {
		text += "; write it without quotes"
	}
	return errors.New(text)
}

func fitsUnquoted(s string, t reflect.Type) bool {
	_, err := fromText(s, t)
	return err == nil
}

// expected says what a setting of this type is written as.
func expected(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return durationForm
	case reflect.TypeFor[flow.Size]():
		return "a size, as in 512MiB or 2GiB"
	case reflect.TypeFor[flow.Endpoint](), reflect.TypeFor[Endpoints]():
		return "an address: PORT, HOST:PORT, [IPV6]:PORT or unix:/PATH"
	}
	if names := wordsOf(t); len(names) > 0 {
		return "one of " + strings.Join(names, ", ")
	}
	switch v := reflect.New(t).Elem(); {
	case t.Kind() == reflect.Bool:
		return "true or false"
	case v.CanInt(), v.CanUint():
		return "a whole number"
	case v.CanFloat():
		return "a number"
	case t.Kind() == reflect.Struct && !isText(t):
		return "a table of settings"
	case t.Kind() == reflect.Slice:
		return "a list"
	default:
		return "a text"
	}
}

// wordsOf are the words that a type reads when it is one of few; otherwise none. The packages keep their tables to
// themselves, but a small type can be asked for each of its values.
func wordsOf(t reflect.Type) []string {
	if t.Kind() != reflect.Uint8 || !isText(t) {
		return nil
	}
	var words []string
	for i := range 256 {
		v, back := reflect.New(t), reflect.New(t)
		v.Elem().SetUint(uint64(i))
		m, ok := v.Interface().(encoding.TextMarshaler)
		if !ok {
			return nil
		}
		text, err := m.MarshalText()
		u, _ := back.Interface().(encoding.TextUnmarshaler)
		if err != nil || len(text) == 0 || u.UnmarshalText(text) != nil || back.Elem().Uint() != uint64(i) {
			continue
		}
		words = append(words, string(text))
	}
	return words
}

// fromText reads a value that was written where there are only texts: in the environment, or on the command line.
func fromText(s string, t reflect.Type) (any, error) {
	v := reflect.New(t).Elem()
	var raw any = s
	switch {
	case isText(t), t == reflect.TypeFor[time.Duration](), v.Kind() == reflect.String:
	case v.Kind() == reflect.Bool:
		if s == "true" || s == "false" {
			raw = s == "true"
		}
	case v.CanInt(), v.CanUint():
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			raw = n
		}
	case v.CanFloat():
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			raw = f
		}
	}
	if text, still := raw.(string); still && !isText(t) && t.Kind() != reflect.String && t != reflect.TypeFor[time.Duration]() {
		return nil, fmt.Errorf("found %s; expected %s", kindOf(text), expected(t))
	}
	return convert(raw, t)
}
