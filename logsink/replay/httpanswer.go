package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/wire/http"
)

// httpBodyMax is how much of a body is kept. Of a longer one there is a digest.
const httpBodyMax = 256 << 10

// httpAnswer is what a service answered to a request.
type httpAnswer struct {
	status int
	fields []http.Field
	body   []byte // nil of a long one
	length int
	digest uint64
}

func newHTTPAnswer(m *http.Message) *httpAnswer {
	h := fnv.New64a()
	_, _ = h.Write(m.Body)
	a := &httpAnswer{status: m.Status, fields: m.Fields, length: len(m.Body), digest: h.Sum64()}
	if a.length <= httpBodyMax {
		a.body = m.Body
	}
	return a
}

func (a *httpAnswer) size() int {
	n := 512 + len(a.body)
	for _, f := range a.fields {
		n += 64 + len(f.Name) + len(f.Value)
	}
	return n
}

// values are those of a field, in their order.
func (a *httpAnswer) values(name string) string {
	var all []string
	for _, f := range a.fields {
		if f.Name == name {
			all = append(all, f.Value)
		}
	}
	return strings.Join(all, ", ")
}

// names are those of all fields of two answers.
func (a *httpAnswer) names(b *httpAnswer) []string {
	var all []string
	for _, f := range append(slices.Clone(a.fields), b.fields...) {
		all = append(all, f.Name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// showBody is a body for a person, bounded.
func (a *httpAnswer) showBody() string {
	if a.body == nil && a.length > 0 {
		return strconv.Itoa(a.length) + " bytes"
	}
	return cutText(string(a.body), showMax)
}

// Compare implements Protocol.
func (h *HTTP) Compare(recorded, played *Exchange) Comparison {
	a, b := recorded.Answer.(*httpAnswer), played.Answer.(*httpAnswer)
	if a.status != b.status {
		return Comparison{What: "the status", Recorded: strconv.Itoa(a.status), Played: strconv.Itoa(b.status)}
	}
	var ignored []string
	for _, name := range a.names(b) {
		x, y := a.values(name), b.values(name)
		if x == y {
			continue
		}
		rule := httpFieldRule(name)
		if rule == "" {
			return Comparison{What: "the field " + cutText(name, 64), Recorded: cutText(x, showMax), Played: cutText(y, showMax)}
		}
		ignored = append(ignored, rule)
	}
	if c := compareBodies(a, b); !c.Same {
		if !h.ignore[ruleBody] {
			return c
		}
		ignored = append(ignored, ruleBody)
	}
	slices.Sort(ignored)
	return Comparison{Same: true, Ignored: slices.Compact(ignored)}
}

// compareBodies compares JSON by what it says, and everything else byte by byte.
func compareBodies(a, b *httpAnswer) Comparison {
	if a.length == b.length && a.digest == b.digest {
		return same()
	}
	differs := Comparison{What: "the body", Recorded: a.showBody(), Played: b.showBody()}
	if a.body == nil || b.body == nil || !strings.Contains(a.values("content-type"), "json") {
		return differs
	}
	x, ok := readJSON(a.body)
	y, ok2 := readJSON(b.body)
	if !ok || !ok2 {
		return differs
	}
	where, v, w, found := jsonDifference("", x, y)
	if !found {
		return same()
	}
	return Comparison{What: "the body, at " + cutText(cmpRoot(where), 100), Recorded: showJSON(v), Played: showJSON(w)}
}

func cmpRoot(where string) string {
	if where == "" {
		return "its root"
	}
	return where
}

// readJSON reads one value, numbers as they are written.
func readJSON(b []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err := d.Decode(&v)
	return v, err == nil && !d.More()
}

func showJSON(v any) string {
	if v == (missing{}) {
		return "nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(err)
	}
	return cutText(string(b), showMax)
}

// missing stands for a value that is not there.
type missing struct{}

// jsonDifference finds the first place at which two values differ, and what stands there.
func jsonDifference(where string, a, b any) (place string, x, y any, found bool) {
	switch a := a.(type) {
	case map[string]any:
		if b, ok := b.(map[string]any); ok {
			return jsonObjects(where, a, b)
		}
	case []any:
		if b, ok := b.([]any); ok {
			return jsonLists(where, a, b)
		}
	default:
		switch b.(type) {
		case map[string]any, []any:
		default:
			return where, a, b, a != b
		}
	}
	return where, a, b, true
}

func jsonObjects(where string, a, b map[string]any) (place string, x, y any, found bool) {
	var keys []string
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		v, ok := a[k]
		w, ok2 := b[k]
		if !ok {
			v = missing{}
		}
		if !ok2 {
			w = missing{}
		}
		if place, x, y, found := jsonDifference(where+"."+k, v, w); found {
			return place, x, y, true
		}
	}
	return "", nil, nil, false
}

func jsonLists(where string, a, b []any) (place string, x, y any, found bool) {
	for i := range max(len(a), len(b)) {
		var v, w any = missing{}, missing{}
		if i < len(a) {
			v = a[i]
		}
		if i < len(b) {
			w = b[i]
		}
		if place, x, y, found := jsonDifference(fmt.Sprintf("%s[%d]", where, i), v, w); found {
			return place, x, y, true
		}
	}
	return "", nil, nil, false
}
