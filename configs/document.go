package configs

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFile is how big a configuration file may be. A bigger one is something else.
const maxFile = 1 << 20

const (
	maxDepth  = 50      // of nesting: the settings have 5
	maxValues = 500_000 // aliases can make a small YAML file expand without end; 10,000 rules take some 60,000
)

// place is where something stands in a file, both from 1. The column counts characters.
type place struct{ line, column int }

// places are where a setting's name and its value stand. Elements of lists have no name.
type places struct{ key, value place }

// document is a file after parsing: values, and where each of them stands.
type document struct {
	name   string
	root   map[string]any // string, int64, float64, bool, map[string]any, []any, or a type that no setting has
	places map[string]places
}

// flaw is a problem with its place in the file at hand.
type flaw struct {
	place
	key, text string
}

// parse reads a file by the ending of its name. Flaws mean that the document cannot be used.
func parse(name string, data []byte) (*document, []flaw) {
	doc := &document{name: name, root: map[string]any{}, places: make(map[string]places)}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if f := notText(data); f != nil {
		return doc, []flaw{*f}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return doc, nil
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		return doc, parseYAML(doc, data)
	case ".toml":
		return doc, parseTOML(doc, data)
	case ".json":
		return doc, parseJSON(doc, data)
	default:
		return doc, []flaw{{text: "the format is told by the file's ending; expected .yaml, .yml, .toml or .json"}}
	}
}

// notText finds what no configuration file has: too many bytes, bytes that are not UTF-8, control characters.
func notText(data []byte) *flaw {
	if len(data) > maxFile {
		return &flaw{text: fmt.Sprintf("the file is larger than %d bytes: that is no configuration", maxFile)}
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &flaw{position(data, i), "", fmt.Sprintf("found the byte 0x%02x, which is not UTF-8; expected a text file", data[i])}
		case unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' && r != '\u0085':
			return &flaw{position(data, i), "", fmt.Sprintf("found the control character %U; expected a text file", r)}
		}
		i += size
	}
	return nil
}

// locator tells where bytes stand. It is quick when asked from the front to the back.
type locator struct {
	data   []byte
	offset int // the last one that was asked for
	at     place
}

// locate is where the byte at offset stands.
func (l *locator) locate(offset int) place {
	offset = min(max(offset, 0), len(l.data))
	if offset < l.offset || l.at.line == 0 {
		l.offset, l.at = 0, place{1, 1}
	}
	passed := l.data[l.offset:offset]
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		l.at.line += bytes.Count(passed, []byte("\n"))
		l.at.column = 1
		passed = passed[i+1:]
	}
	l.at.column += utf8.RuneCount(passed)
	l.offset = offset
	return l.at
}

// position is where one byte stands.
func position(data []byte, offset int) place {
	l := locator{data: data}
	return l.locate(offset)
}

// child is the path of a key below a path. A key that is not plain is quoted, so that it is never taken for a path.
func child(path, key string) string {
	if len(key) > 80 || key == "" || strings.ContainsFunc(key, func(r rune) bool { return !isPlain(r) }) {
		key = shorten(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func isPlain(r rune) bool {
	return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// item is the path of a list's element.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent is the path above a path; empty above the top.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// find is where a setting stands: its name, or else its value, or else whatever it is a part of.
func (d *document) find(path string) (place, bool) {
	for ; ; path = parent(path) {
		p, ok := d.places[path]
		if ok && p.key.line > 0 {
			return p.key, true
		}
		if ok && p.value.line > 0 {
			return p.value, true
		}
		if path == "" {
			return place{1, 1}, false
		}
	}
}

// findValue is where a setting's value stands.
func (d *document) findValue(path string) place {
	if p, ok := d.places[path]; ok && p.value.line > 0 {
		return p.value
	}
	p, _ := d.find(path)
	return p
}

func (d *document) setKey(path string, at place) {
	p := d.places[path]
	p.key = at
	d.places[path] = p
}

func (d *document) setValue(path string, at place) {
	p := d.places[path]
	p.value = at
	d.places[path] = p
}

func foundTwice(line int) string {
	return fmt.Sprintf("found a second time; the first is on line %d", line)
}
