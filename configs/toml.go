package configs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

func parseTOML(doc *document, data []byte) []flaw {
	var root map[string]any
	if err := toml.Unmarshal(data, &root); err != nil {
		at := place{1, 1}
		var where *toml.DecodeError
		if errors.As(err, &where) {
			at.line, at.column = where.Position()
		}
		return []flaw{{place{max(at.line, 1), max(at.column, 1)}, "", "TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}}
	}
	if deepest(root, 0) > maxDepth {
		return []flaw{{place{1, 1}, "", fmt.Sprintf("found more than %d levels; that is no configuration", maxDepth)}}
	}
	w := tomlWalk{doc: doc, locator: locator{data: data}, tables: make(map[string]int)}
	w.parser.Reset(data)
	for w.parser.NextExpression() {
		w.expression(w.parser.Expression())
	}
	if err := w.parser.Error(); err != nil { // Unmarshal did not mind, so this does not happen
		return []flaw{{place{1, 1}, "", "TOML: " + err.Error()}}
	}
	doc.root, _ = plain(root).(map[string]any)
	return nil
}

// tomlWalk reads a document that is known to be good once more, to learn where everything stands, which
// toml.Unmarshal does not tell.
type tomlWalk struct {
	locator
	doc    *document
	parser unstable.Parser
	tables map[string]int // how many [[path]] there were so far
	prefix string         // the path of the table at hand
}

func (w *tomlWalk) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table:
		w.prefix = w.descend("", n.Key())
	case unstable.ArrayTable:
		w.arrayTable(n)
	case unstable.KeyValue:
		w.keyValue(w.prefix, n)
	}
}

// arrayTable begins the next element of a list of tables.
func (w *tomlWalk) arrayTable(n *unstable.Node) {
	path := ""
	for it := n.Key(); it.Next(); {
		path = child(w.last(path), string(it.Node().Data))
		w.key(path, it.Node())
		w.doc.setValue(item(path, w.tables[path]), w.at(it.Node(), place{}))
	}
	w.tables[path]++
	w.prefix = w.last(path)
}

// last is the element at hand when path is a list of tables, or path itself.
func (w *tomlWalk) last(path string) string {
	if n := w.tables[path]; n > 0 {
		return item(path, n-1)
	}
	return path
}

// descend goes down a dotted key and keeps where its parts stand.
func (w *tomlWalk) descend(path string, it unstable.Iterator) string {
	for it.Next() {
		path = child(path, string(it.Node().Data))
		w.key(path, it.Node())
		path = w.last(path)
	}
	return path
}

// key keeps the first place of a key.
func (w *tomlWalk) key(path string, n *unstable.Node) {
	if w.doc.places[path].key.line == 0 {
		w.doc.setKey(path, w.at(n, place{}))
	}
}

func (w *tomlWalk) keyValue(prefix string, n *unstable.Node) {
	path := w.descend(prefix, n.Key())
	w.value(path, n.Value(), w.doc.places[path].key)
}

// value keeps where a value stands; a list stands where its name does, since the parser does not tell.
func (w *tomlWalk) value(path string, n *unstable.Node, otherwise place) {
	at := w.at(n, otherwise)
	w.doc.setValue(path, at)
	switch n.Kind {
	case unstable.Array:
		i := 0
		for it := n.Children(); it.Next(); i++ {
			w.value(item(path, i), it.Node(), at)
		}
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			w.keyValue(path, it.Node())
		}
	}
}

func (w *tomlWalk) at(n *unstable.Node, otherwise place) place {
	if n.Raw.Length == 0 {
		return otherwise
	}
	return w.locate(int(n.Raw.Offset))
}

func deepest(v any, depth int) int {
	most := depth
	switch v := v.(type) {
	case map[string]any:
		for _, c := range v {
			most = max(most, deepest(c, depth+1))
		}
	case []any:
		for _, c := range v {
			most = max(most, deepest(c, depth+1))
		}
	}
	return most
}
