package configs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

func parseJSON(doc *document, data []byte) []flaw {
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		offset := len(data)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			offset = int(syntax.Offset) - 1
		}
		return []flaw{{position(data, offset), "", "JSON: " + err.Error()}}
	}
	w := jsonWalk{doc: doc, locator: locator{data: data}, decoder: json.NewDecoder(bytes.NewReader(data))}
	w.decoder.UseNumber()
	switch v := w.value("", 0).(type) {
	case map[string]any:
		doc.root = v
	case nil:
	default:
		w.flaws = append(w.flaws, flaw{place{1, 1}, "", fmt.Sprintf("found %s; expected { }", kindOf(v))})
	}
	return w.flaws
}

// jsonWalk reads a document that is known to be JSON once more, to learn where everything stands and what is said
// twice, which encoding/json does not tell.
type jsonWalk struct {
	locator
	doc     *document
	decoder *json.Decoder
	flaws   []flaw
}

// next reads a token and says where it starts.
func (w *jsonWalk) next() (json.Token, place) {
	at := w.here()
	token, err := w.decoder.Token()
	w.check(at, err)
	return token, at
}

// skip reads a value that nobody wants and says where it starts.
func (w *jsonWalk) skip() place {
	at := w.here()
	var unwanted json.RawMessage
	w.check(at, w.decoder.Decode(&unwanted))
	return at
}

func (w *jsonWalk) here() place {
	offset := int(w.decoder.InputOffset())
	for offset < len(w.data) && bytes.IndexByte([]byte(" \t\r\n,:"), w.data[offset]) >= 0 {
		offset++
	}
	return w.locate(offset)
}

func (w *jsonWalk) check(at place, err error) {
	if err != nil {
		w.flaws = append(w.flaws, flaw{at, "", "JSON: " + err.Error()})
	}
}

func (w *jsonWalk) value(path string, depth int) any {
	if depth > maxDepth {
		at := w.skip()
		w.flaws = append(w.flaws, flaw{at, "", fmt.Sprintf("found more than %d levels; that is no configuration", maxDepth)})
		return nil
	}
	token, at := w.next()
	w.doc.setValue(path, at)
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return w.list(path, depth)
		}
		return w.table(path, depth)
	case json.Number:
		return jsonNumber(t)
	default:
		return t
	}
}

func (w *jsonWalk) list(path string, depth int) any {
	list := []any{}
	for w.decoder.More() {
		list = append(list, w.value(item(path, len(list)), depth+1))
	}
	w.next() // ]
	return list
}

func (w *jsonWalk) table(path string, depth int) any {
	table, first := make(map[string]any), make(map[string]place)
	for w.decoder.More() {
		token, at := w.next()
		key, _ := token.(string)
		below := child(path, key)
		if before, twice := first[key]; twice {
			w.flaws = append(w.flaws, flaw{at, below, foundTwice(before.line)})
			w.skip()
			continue
		}
		first[key] = at
		w.doc.setKey(below, at)
		table[key] = w.value(below, depth+1)
	}
	w.next() // }
	return table
}

// jsonNumber is a whole number where that is what was written. One that is too big for any setting is infinite.
func jsonNumber(n json.Number) any {
	if i, err := n.Int64(); err == nil {
		return i
	}
	f, _ := n.Float64()
	return f
}
