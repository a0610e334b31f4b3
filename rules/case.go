package rules

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Case is one line of a table of expected verdicts: a peer, and what is to become of it. What is not given of the peer is
// not known.
type Case struct {
	// File, Line and Column are where it was written.
	File         string `yaml:"-"`
	Line, Column int    `yaml:"-"`

	Name    string `yaml:"name"`
	Service string `yaml:"service"`
	// Address is the peer's, 127.0.0.1 when not given, or unix for one on a Unix socket; Zone is that of the address, and
	// Disguised says that the peer is not proven to be on this host although its zone says so.
	Address   string     `yaml:"address"`
	Zone      *flow.Zone `yaml:"zone"`
	Interface string     `yaml:"interface"`
	Disguised bool       `yaml:"disguised"`
	// User is a name or a number.
	User string `yaml:"user"`
	// The process. It is known when one of these is given.
	Program     string `yaml:"program"`
	Executable  string `yaml:"executable"`
	CommandLine string `yaml:"command_line"`
	Container   string `yaml:"container"` // RUNTIME, RUNTIME/ID, an id, or none
	Unit        string `yaml:"unit"`      // or none
	// Forwarder is its kind, or none.
	Forwarder     string     `yaml:"forwarder"`
	ForwarderZone *flow.Zone `yaml:"forwarder_zone"`
	// Attribution is found from the others when not given.
	Attribution *flow.Attribution `yaml:"attribution"`
	// Client is whom a PROXY header tells; ClientZone is that of its address.
	Client     string     `yaml:"client"`
	ClientZone *flow.Zone `yaml:"client_zone"`
	// Time is when the peer comes: RFC 3339, or 2006-01-02 15:04 on this machine's clock; noon of a Monday when not given.
	Time string `yaml:"time"`

	Expect flow.Action `yaml:"expect"`
	Rule   string      `yaml:"rule"` // that is to decide; any when not given
}

// ParseCases reads a YAML list of cases. The error joins one for everything that is wrong, each with
// FILE:LINE:COLUMN before it.
func ParseCases(data []byte, file string) ([]Case, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var top, second yaml.Node
	switch err := decoder.Decode(&top); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: there are no cases", file)
	case err != nil:
		return nil, yamlError(file, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: found a second document; expected one document a file", file)
	}
	list := top.Content[0]
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("%s:%d:%d: expected a list of cases, each with - before it", file, list.Line, list.Column)
	}
	p := caseParser{file: file, names: map[string]int{}}
	for i, n := range list.Content {
		p.one(i, n)
	}
	return p.cases, errors.Join(p.problems...)
}

// yamlError puts the file before a syntax error, which has its line.
func yamlError(file string, err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		return fmt.Errorf("%s:%s: YAML: %s", file, m[1], text[len(m[0]):])
	}
	return fmt.Errorf("%s: YAML: %s", file, text)
}

// caseParser reads cases and keeps the problems.
type caseParser struct {
	file     string
	cases    []Case
	names    map[string]int // to their lines
	problems []error
}

func (p *caseParser) problem(n *yaml.Node, key, format string, args ...any) {
	where := fmt.Sprintf("%s:%d:%d: %s: ", p.file, n.Line, n.Column, key)
	p.problems = append(p.problems, fmt.Errorf(where+format, args...))
}

func (p *caseParser) one(i int, n *yaml.Node) {
	c := Case{File: p.file, Line: n.Line, Column: n.Column}
	at := fmt.Sprintf("[%d]", i)
	if n.Kind != yaml.MappingNode {
		p.problem(n, at, "expected a case: name, expect, and what is known of the peer")
		return
	}
	given := map[string]bool{}
	for j := 0; j+1 < len(n.Content); j += 2 {
		key, value := n.Content[j], n.Content[j+1]
		if given[key.Value] {
			p.problem(key, at, "%s is given twice", key.Value)
		}
		given[key.Value] = true
		p.field(&c, at, key, value)
	}
	p.complete(&c, at, n, given)
	p.cases = append(p.cases, c)
}

// complete checks what a case has to have.
func (p *caseParser) complete(c *Case, at string, n *yaml.Node, given map[string]bool) {
	before, twice := p.names[c.Name]
	switch {
	case c.Name == "":
		p.problem(n, at+".name", "every case needs one: the report tells it")
	case twice:
		p.problem(n, at+".name", "the case in line %d has the same name", before)
	}
	p.names[c.Name] = n.Line
	if !given["expect"] {
		p.problem(n, at+".expect", "not given: expected one of %s", strings.Join(expectations(), ", "))
	}
	if c.ForwarderZone != nil && (c.Forwarder == "" || c.Forwarder == nothing) {
		p.problem(n, at+".forwarder_zone", "given without a forwarder")
	}
	if c.ClientZone != nil && c.Client == "" {
		p.problem(n, at+".client_zone", "given without a client")
	}
	c.Name = strings.TrimSpace(c.Name)
}

// field reads one setting of a case.
func (p *caseParser) field(c *Case, at string, key, value *yaml.Node) {
	v := reflect.ValueOf(c).Elem()
	var keys []string
	for i := range v.NumField() {
		switch name := v.Type().Field(i).Tag.Get("yaml"); name {
		case "-":
		case key.Value:
			if name == "expect" && !slices.Contains(expectations(), value.Value) {
				p.problem(value, at+"."+name, "found %q; expected one of %s", value.Value, strings.Join(expectations(), ", "))
			} else if err := decodeScalar(value, v.Field(i)); err != nil {
				p.problem(value, at+"."+name, "%w", err)
			}
			return
		default:
			keys = append(keys, name)
		}
	}
	p.problem(key, at, "unknown key %q: expected one of %s", key.Value, strings.Join(keys, ", "))
}

// expectations are the verdicts that a case can expect.
func expectations() []string { return []string{"allow", "deny", "would_deny"} }

// decodeScalar reads a text as it is written, also where YAML would make a number or a time of it.
func decodeScalar(n *yaml.Node, into reflect.Value) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return errors.New("expected one value")
	}
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	if text, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return text.UnmarshalText([]byte(n.Value))
	}
	if into.Kind() == reflect.Bool {
		if n.ShortTag() != "!!bool" {
			return fmt.Errorf("found %q; expected true or false", n.Value)
		}
		return n.Decode(into.Addr().Interface())
	}
	into.SetString(n.Value)
	return nil
}
