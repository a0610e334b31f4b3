package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lodoor/lodoor/rules"
)

// Loaded is a configuration that was checked, and where it came from.
type Loaded struct {
	Config Config
	// File is the configuration file; empty when there is none.
	File string
	// Warnings are what is allowed and perhaps not meant, one sentence each.
	Warnings []string
	// RuleSet is what the rules were compiled to for lodoor's own user.
	RuleSet *rules.Set

	doc       *document
	fileSum   sum
	given     map[string]string // by key: the variable, the flag or "the command line" that gave it
	flagRules int               // how many rules of the command line come before the file's
}

// Origin is where a setting's value came from. The zero Origin is the default.
type Origin struct {
	// File, Line and Column are set when the file gave it.
	File         string
	Line, Column int
	// Name is the environment variable or the flag that gave it.
	Name string
}

func (o Origin) String() string {
	switch {
	case o.Name != "":
		return o.Name
	case o.File != "":
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	default:
		return "default"
	}
}

// Origin is where the value of a setting came from; key is its path, such as journal.dir or services[0].listen.
func (l *Loaded) Origin(key string) Origin {
	if name := l.givenBy(key); name != "" {
		return Origin{Name: name}
	}
	if p, ok := l.doc.places[l.fileKey(key)]; ok && l.File != "" {
		at := p.key
		if at.line == 0 {
			at = p.value
		}
		return Origin{File: l.File, Line: at.line, Column: at.column}
	}
	return Origin{}
}

// nearestOrigin is where a setting, or what it would be a part of, stands.
func (l *Loaded) nearestOrigin(key string) Origin {
	if name := l.givenBy(key); name != "" {
		return Origin{Name: name}
	}
	if l.File == "" {
		return Origin{}
	}
	fileKey := l.fileKey(key)
	if _, ok := l.doc.places[fileKey]; !ok && strings.HasSuffix(fileKey, "]") {
		fileKey = parent(fileKey) // a single address in the place of a list
	}
	at := l.doc.findValue(fileKey)
	return Origin{File: l.File, Line: at.line, Column: at.column}
}

func (l *Loaded) givenBy(key string) string {
	for ; key != ""; key = parent(key) {
		if name := l.given[key]; name != "" {
			return name
		}
	}
	return ""
}

// fileKey is the path that a setting has in the file, whose rules are numbered from those of the command line on.
func (l *Loaded) fileKey(key string) string {
	rest, ok := strings.CutPrefix(key, "rules[")
	number, after, found := strings.Cut(rest, "]")
	n, err := strconv.Atoi(number)
	if !ok || !found || err != nil {
		return key
	}
	return item("rules", n-l.flagRules) + after
}

func (l *Loaded) warn(format string, args ...any) {
	l.Warnings = append(l.Warnings, fmt.Sprintf(format, args...))
}

// Hash is the SHA-256 of the effective configuration with its secrets hidden, in hexadecimal. It is made when it is asked
// for: a start has its fronts to open first.
func (l *Loaded) Hash() string {
	shown := newShower(l, false, false)
	sum := sha256.New()
	fingerprint(sum, shown.table("", reflect.ValueOf(l.Config), false))
	return hex.EncodeToString(sum.Sum(nil))
}

// fingerprint writes what nodes say so that no two trees are written alike. To format ten thousand rules as YAML takes
// a second.
func fingerprint(to io.Writer, n *yaml.Node) {
	fmt.Fprintf(to, "%d %d %d:%s", n.Kind, len(n.Content), len(n.Value), n.Value)
	for _, inner := range n.Content {
		fingerprint(to, inner)
	}
}
