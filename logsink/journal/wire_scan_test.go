package journal

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
)

// sampleOf is a value of t on the wire, with all members that there are.
func sampleOf(t reflect.Type) string {
	t = wired(t)
	switch {
	case t == reflect.TypeFor[time.Time]():
		return `"2026-01-02T03:04:05.000000006Z"`
	case t == reflect.TypeFor[json.RawMessage]():
		return `{"service":"pg","service_base64":"cGc="}`
	case t == reflect.TypeFor[[]byte]():
		return `"/wA="`
	case t.Kind() == reflect.Struct:
		return "{" + strings.Join(samplesOf(t), ",") + "}"
	case t.Kind() == reflect.Slice:
		return fmt.Sprintf("[%[1]s,%[1]s]", sampleOf(t.Elem()))
	case t.Kind() == reflect.String:
		return `"a\u001b\"b"`
	case t.Kind() == reflect.Bool:
		return "true"
	default:
		return "7"
	}
}

func samplesOf(t reflect.Type) (members []string) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			members = append(members, samplesOf(f.Type)...)
		} else {
			members = append(members, fmt.Sprintf("%q:%s", f.Tag.Get("json"), sampleOf(f.Type)))
		}
	}
	return members
}

// emptyIn lists what has no value in v.
func emptyIn(v reflect.Value, path string) (list []string) {
	if v.IsZero() {
		return []string{path}
	}
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() {
		for i := range v.NumField() {
			list = append(list, emptyIn(v.Field(i), path+"."+v.Type().Field(i).Name)...)
		}
	}
	return list
}

// agree fails when the scanner takes a line that encoding/json does not take, or understands it otherwise.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, line []byte) (taken bool) {
	t.Helper()
	var quick, whole wireRecord
	if !scan(line, &quick) {
		return false
	}
	if err := json.Unmarshal(line, &whole); err != nil {
		t.Fatalf("%q is taken: %v", line, err)
	}
	if !reflect.DeepEqual(quick, whole) {
		t.Fatalf("%q is read as\n%+v, not\n%+v", line, quick, whole)
	}
	return true
}

func TestScanKnowsEveryMember(t *testing.T) {
	line := []byte(sampleOf(reflect.TypeFor[wireRecord]()))
	if !agree(t, line) {
		t.Fatalf("not taken: %s", line)
	}
	var w wireRecord
	scan(line, &w)
	if empty := emptyIn(reflect.ValueOf(w), "record"); len(empty) > 0 {
		t.Errorf("not read: %s", strings.Join(empty, ", "))
	}
}

func TestScanTakesWhatIsEncoded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRecord(rt)
		if line := lineOf(t, &r); !agree(rt, line) {
			rt.Fatalf("not taken: %s", line)
		}
	})
}

// TestScanTakesNothingElse changes lines: what is taken then has the meaning that it has for encoding/json.
func TestScanTakesNothingElse(t *testing.T) {
	pieces := []string{
		"", "null", " ", ",", ":", `"`, `\`, "{", "}", "[", "]", "{}", "[]", "0", "-", "-0", "01", "1.5", "1e3", "true", "\x00", "\n",
		"\xff", "é", `\u0041`, `\ud800`, `"x":1,`, `"x":{"y":[1,"z",true]},`, `"SEQ":9,`, `"seq":9,`, `"event":"alert",`,
		`"origin":{"held_by":[{"pid":9}]},`, `"services":["a"],`, "18446744073709551616", "65536",
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := drawRecord(rt)
		line := lineOf(t, &r)
		for range rapid.IntRange(1, 3).Draw(rt, "changes") {
			from := rapid.IntRange(0, len(line)).Draw(rt, "from")
			to := min(len(line), from+rapid.IntRange(0, 8).Draw(rt, "bytes"))
			line = slices.Replace(line, from, to, []byte(rapid.SampledFrom(pieces).Draw(rt, "piece"))...)
		}
		agree(rt, line)
	})
}

func TestScan(t *testing.T) {
	for text, taken := range map[string]bool{
		`{}`:                                   true,
		`{"seq":1}` + "\n":                     true,
		`{"seq":18446744073709551615}`:         true,
		`{"seq":18446744073709551616}`:         false,
		`{"client":{"port":65536}}`:            false,
		`{"seq":01}`:                           false,
		`{"seq":-0}`:                           false,
		`{"seq":}`:                             false,
		`{"seq":1.0}`:                          false,
		`{"seq": 1}`:                           false,
		`{"seq":1},`:                           false,
		`{"seq":1,}`:                           false,
		`{"seq":1`:                             false,
		`{"seq":null}`:                         false,
		`{"SEQ":1}`:                            false,
		`{"seq":1,"seq":2}`:                    true,
		`{"event":"a\tb\u00e9\ud83d\ude00"}`:   true,
		"{\"event\":\"a\tb\"}":                 false,
		"{\"event\":\"\xff\"}":                 true,
		`{"event":"\x"}`:                       false,
		`{"event":null`:                        false,
		`{"time":"2026-01-02T03:04:05Z"}`:      true,
		`{"time":"2026-01-02 03:04:05"}`:       false,
		`{"time":"2026-01-02T03:04:05\u005a"}`: false,
		`{"service":{"name":"a"},"service":{"name_base64":"/w=="}}`:      true,
		`{"service":{"name_base64":"/w="}}`:                              false,
		`{"service":{"name_base64":[255]}}`:                              false,
		`{"refused":{"sample":["a"],"sample":["b","c"]}}`:                true,
		`{"origin":{"held_by":[{"pid":1}],"held_by":[{"program":"x"}]}}`: false,
		`{"origin":{"held_by":[{"pid":1},]}}`:                            false,
		`{"session":{"tapped":True}}`:                                    false,
		`{"later":{"a":[1,-2,"x",true,{"b":{}},[]]},"seq":1}`:            true,
		`{"later":0.5}`:               false,
		`{"later":tru}`:               false,
		`{"later":-}`:                 false,
		`{"later":[[[[[[[[1]]]]]]]]}`: false,
		``:                            false,
		`[]`:                          false,
		`null`:                        false,
	} {
		if agree(t, []byte(text)) != taken {
			t.Errorf("%s: taken is not %v", text, taken)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, r := range []flow.Record{
		closed(flow.NewSessionID()), exampleConveyed(flow.NewSessionID()), located(flow.NewSessionID()),
	} {
		f.Add(lineOf(f, &r))
	}
	f.Add([]byte(sampleOf(reflect.TypeFor[wireRecord]())))
	f.Fuzz(func(t *testing.T, line []byte) { agree(t, line) })
}
