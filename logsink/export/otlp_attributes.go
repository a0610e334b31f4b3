package export

import (
	"bytes"
	"encoding/json"
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// flatten makes attributes of a line's members: client.address, process.pid, rule.name. A list of texts or numbers
// stays a list, one of objects is a list of maps. The members that a record of OpenTelemetry has a place for are left
// out, and service.name, which is that of lodoor there, is lodoor.service.name. A line that cannot be read has none: it
// is exported all the same.
func flatten(line []byte) []attribute.KeyValue {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber() // of 64 bits
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil
	}
	for _, name := range []string{"seq", "time", "event", "chain"} {
		delete(members, name)
	}
	return appendFlat(make([]attribute.KeyValue, 0, 32), "", members)
}

func appendFlat(dst []attribute.KeyValue, prefix string, members map[string]any) []attribute.KeyValue {
	for name, v := range members {
		if object, is := v.(map[string]any); is {
			dst = appendFlat(dst, prefix+name+".", object)
			continue
		}
		key := prefix + name
		if key == "service.name" {
			key = "lodoor.service.name"
		}
		dst = append(dst, attribute.KeyValue{Key: attribute.Key(key), Value: value(v)})
	}
	return dst
}

// value keeps what JSON says; a number that no 64-bit integer holds is told as text, exactly.
func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(v)
	case bool:
		return attribute.BoolValue(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return attribute.Int64Value(n)
		}
		return attribute.StringValue(v.String())
	case []any:
		return list(v)
	case map[string]any:
		return attribute.MapValue(appendFlat(nil, "", v)...)
	default:
		return attribute.Value{}
	}
}

// list is one of a single type where it can be: not every store takes mixed ones.
func list(items []any) attribute.Value {
	texts := make([]string, 0, len(items))
	for _, v := range items {
		if s, is := v.(string); is {
			texts = append(texts, s)
		}
	}
	if len(texts) == len(items) {
		return attribute.StringSliceValue(texts)
	}
	values := make([]attribute.Value, 0, len(items))
	for _, v := range items {
		values = append(values, value(v))
	}
	return attribute.SliceValue(slices.Clip(values)...)
}
