package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func parseYAML(doc *document, data []byte) []flaw {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var top, second yaml.Node
	if err := decoder.Decode(&top); errors.Is(err, io.EOF) {
		return nil // comments only
	} else if err != nil {
		return []flaw{yamlSyntax(data, err)}
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return []flaw{{place{second.Line, max(second.Column, 1)}, "", "found a second document; expected one document a file"}}
	case !errors.Is(err, io.EOF):
		return []flaw{yamlSyntax(data, err)}
	}
	w := yamlWalk{doc: doc}
	w.root(top.Content[0])
	return w.flaws
}

// yamlSyntax finds the place of a syntax error. The parser tells no column, and the line where the broken part begins
// rather than the one that broke it.
func yamlSyntax(data []byte, err error) flaw {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // digits; too many of them are clamped below
		text = text[len(m[0]):]
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	line = firstBroken(lines, min(max(line, 1), len(lines)))
	content := string(bytes.TrimRight(lines[line-1], "\r\n"))
	indent := content[:len(content)-len(strings.TrimLeft(content, " \t"))]
	column := len(indent) + 1
	switch i := strings.IndexByte(indent, '\t'); {
	case i >= 0:
		column, text = i+1, text+"; YAML is indented with spaces: found a tab"
	case regexp.MustCompile(`\[[0-9A-Fa-f:.%a-z]*:[0-9A-Fa-f:.]*\]:\d`).MatchString(content):
		text += `; an address with brackets needs quotes, as in "[::1]:5432"`
	}
	return flaw{place{line, column}, "", "YAML: " + text}
}

// firstBroken is the first line with which the file can no longer be read, from the one that the parser named on. A
// list in brackets may go over several lines, so it is the one after the last with which it can.
func firstBroken(lines [][]byte, named int) int {
	const window = 200 // each line costs a parse
	broken := named
	for n := named; n <= min(named+window, len(lines)-1); n++ {
		var unwanted yaml.Node
		if err := yaml.Unmarshal(bytes.Join(lines[:n], nil), &unwanted); err == nil {
			broken = n + 1
		}
	}
	return broken
}

// yamlWalk turns nodes into values and keeps where they stand.
type yamlWalk struct {
	doc    *document
	flaws  []flaw
	values int
}

func (w *yamlWalk) flaw(n *yaml.Node, path, format string, args ...any) {
	w.flaws = append(w.flaws, flaw{nodePlace(n), path, fmt.Sprintf(format, args...)})
}

func nodePlace(n *yaml.Node) place { return place{n.Line, n.Column} }

func (w *yamlWalk) root(n *yaml.Node) {
	switch v := w.value(n, "", 0).(type) {
	case map[string]any:
		w.doc.root = v
	case nil:
	default:
		w.flaw(n, "", "found %s; expected settings, as in 'services:'", kindOf(v))
	}
}

// value returns what n stands for. After the first flaw of size or depth it goes no further.
func (w *yamlWalk) value(n *yaml.Node, path string, depth int) any {
	w.doc.setValue(path, nodePlace(n))
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if w.values++; w.values > maxValues || depth > maxDepth {
		if len(w.flaws) == 0 {
			w.flaw(n, "", "found more than %d values or %d levels (aliases count); that is no configuration", maxValues, maxDepth)
		}
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return w.mapping(n, path, depth)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			list[i] = w.value(c, item(path, i), depth+1)
		}
		return list
	default:
		return w.scalar(n, path)
	}
}

func (w *yamlWalk) scalar(n *yaml.Node, path string) any {
	var v any
	if err := n.Decode(&v); err != nil {
		w.flaw(n, path, "found %q, which is not what its tag %s says", n.Value, n.ShortTag())
		return nil
	}
	return plainNumber(v)
}

func (w *yamlWalk) mapping(n *yaml.Node, path string, depth int) any {
	table := make(map[string]any)
	first := make(map[string]*yaml.Node)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			merges = append(merges, value)
		case key.Kind != yaml.ScalarNode:
			w.flaw(key, path, "found a key that is not a word; expected the name of a setting")
		case first[key.Value] != nil:
			w.flaw(key, child(path, key.Value), "%s", foundTwice(first[key.Value].Line))
		default:
			first[key.Value] = key
			w.entry(table, key, value, path, depth)
		}
	}
	for _, m := range merges {
		w.merge(table, m, path, depth+1)
	}
	return table
}

func (w *yamlWalk) entry(table map[string]any, key, value *yaml.Node, path string, depth int) {
	below := child(path, key.Value)
	w.doc.setKey(below, nodePlace(key))
	table[key.Value] = w.value(value, below, depth+1)
}

// merge adds what "<<" names and the table does not say itself.
func (w *yamlWalk) merge(table map[string]any, n *yaml.Node, path string, depth int) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if w.values++; w.values > maxValues || depth > maxDepth {
		w.value(n, path, depth) // says so
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for _, c := range n.Content {
			w.merge(table, c, path, depth+1)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.ShortTag() == "!!merge" {
				w.merge(table, n.Content[i+1], path, depth+1)
			} else if _, said := table[key.Value]; !said {
				w.entry(table, key, n.Content[i+1], path, depth)
			}
		}
	default:
		w.flaw(n, path, "found %q to be merged; expected a table", n.Value)
	}
}
