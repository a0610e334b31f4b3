package configs

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed reference.yaml
var reference string

// Reference is a file with every setting, its default and a comment.
func Reference() string { return reference }

//go:embed starter.yaml
var starter string

// Starter is a small file to begin with.
func Starter() string { return starter }

// uncommented is the reference with its commented-out settings in the place of the empty ones: what stands behind a #
// without one space, or with two.
func uncommented() string {
	text := regexp.MustCompile(`(?m)^ *(rules|services|forwarders|severity|conditions): \[\]\n`).ReplaceAllString(reference, "")
	return regexp.MustCompile(`(?m)^( *)#(\S|  )`).ReplaceAllString(text, "$1$2")
}

// descriptions are what the reference says of each setting, by its path as keysOf writes it.
func descriptions() (map[string]string, error) {
	var top yaml.Node
	if err := yaml.Unmarshal([]byte(uncommented()), &top); err != nil {
		return nil, fmt.Errorf("read the reference: %w", err)
	}
	said := make(map[string]string)
	describe(said, "", top.Content[0])
	for key, text := range said { // the reference writes the settings of a rule once
		if rest, ok := strings.CutPrefix(key, "rules[]."); ok {
			said["services[].rules[]."+rest] = text
		}
	}
	return said, nil
}

func describe(said map[string]string, path string, n *yaml.Node) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, c := range n.Content {
			if c.Kind == yaml.MappingNode && len(c.Content) > 0 && c.Content[0].HeadComment == "" {
				c.Content[0].HeadComment = c.HeadComment // that of the first setting stands above the dash
			}
			describe(said, path+"[]", c)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			below := child(path, key.Value)
			said[below] = comment(key.HeadComment)
			describe(said, below, value)
		}
	}
}

// comment is the last paragraph above a setting, in one line.
func comment(head string) string {
	paragraphs := strings.Split(head, "\n\n")
	lines := strings.Split(paragraphs[len(paragraphs)-1], "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(line, "#"))
	}
	return strings.Join(lines, " ")
}
