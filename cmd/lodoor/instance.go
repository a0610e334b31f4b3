package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/lodoor/lodoor/configs"
)

// instanceMax keeps the name of a directory within what file systems and people take.
const instanceMax = 80

// instanceOf is the name of a door: the configured one, or one made of its fronts, so that the same command finds its
// journal again and another one does not.
func instanceOf(c *configs.Config) string {
	if c.Instance != "" {
		return c.Instance
	}
	var fronts []string
	for _, s := range c.Services {
		for _, e := range s.Listen {
			fronts = append(fronts, fileName(e.String()))
		}
	}
	name := strings.Join(fronts, "+")
	if len(name) > instanceMax {
		sum := sha256.Sum256([]byte(name))
		name = name[:instanceMax-17] + "-" + hex.EncodeToString(sum[:8])
	}
	return name
}

// fileName replaces what does not belong into a file's name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune("._-", r):
			return r
		default:
			return '-'
		}
	}, s)
}
