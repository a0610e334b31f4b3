package configs

import (
	"fmt"
	"strconv"
)

// plain turns what the parsers make into the few types that a document has.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			v[k] = plain(c)
		}
		return v
	case []any:
		for i, c := range v {
			v[i] = plain(c)
		}
		return v
	case []map[string]any:
		list := make([]any, len(v))
		for i, c := range v {
			list[i] = plain(c)
		}
		return list
	default:
		return plainNumber(v)
	}
}

// plainNumber makes whole numbers int64; one that does not fit becomes a fraction, which no whole setting takes.
func plainNumber(v any) any {
	switch n := v.(type) {
	case int:
		return int64(n)
	case uint64:
		return float64(n)
	default:
		return v
	}
}

// kindOf says what kind of thing a value is, for messages.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	case string:
		return "the text " + shorten(v)
	case bool:
		return strconv.FormatBool(v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	default:
		return "a date or time" // what else the formats have
	}
}

// shorten quotes a text for a message; a long one is cut.
func shorten(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		return strconv.Quote(string(r[:most])) + "…"
	}
	return strconv.Quote(s)
}

// asText is what a text setting or an address may be written as: a text, or a whole number such as a port.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	default:
		return "", false
	}
}
